# SPDX-License-Identifier: EUPL-1.2
"""Any folder: every file whole, in fixed blocks."""

from typing import Final

from lakzegel_agent.readers.base import OpaqueReader, Reader

READER: Final[Reader] = OpaqueReader()
