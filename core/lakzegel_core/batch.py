# SPDX-License-Identifier: EUPL-1.2
"""A batch: its header note, its file, and the check of both while they come in.

    header note || manifest || sealed item 0 || sealed item 1 || …          a batch file
    batch file || keyring file                                              an upload

docs/spec/batch.md. The parts are `batchheader`, `batchstream` and `batchfile`.
"""

from __future__ import annotations

from lakzegel_core.batchfile import BatchFile, open_batch_file
from lakzegel_core.batchheader import (
    KIND,
    Header,
    Seen,
    State,
    batch_id,
    open_header,
    parse_text,
    peek_header,
    sign_header,
    split_header,
)
from lakzegel_core.batchstream import BatchStream, Fed, OpenHeader

__all__ = [
    "KIND",
    "BatchFile",
    "BatchStream",
    "Fed",
    "Header",
    "OpenHeader",
    "Seen",
    "State",
    "batch_id",
    "open_batch_file",
    "open_header",
    "parse_text",
    "peek_header",
    "sign_header",
    "split_header",
]
