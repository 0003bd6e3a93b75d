# SPDX-License-Identifier: EUPL-1.2
"""One file captured and sealed from end to end in a folder of its own, and opened again.

Keys, ledger and spool are made for it and gone with the folder: nothing of the home is touched.
docs/spec/updates.md §2
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_agent.capture import PassReport, SealContext, WatchedSource, capture_pass
from lakzegel_agent.devicekeys import make_keys
from lakzegel_agent.errors import SealingError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.spool import Spool
from lakzegel_core.age import Identity
from lakzegel_core.batch import open_batch_file, open_header
from lakzegel_core.keyring import open_keyring

ORIGIN: Final = "dry-run.invalid/lakzegel"
DEVICE: Final = "dry-run"
_LIMIT: Final = 2**20  # bytes of a batch and of the spool
_TEXT: Final = b"Subject: dry run\n\nnothing of anybody's\n"


def dry_run(folder: Path, *, random: Callable[[int], bytes]) -> None:
    """Return where what was captured comes out again, byte for byte.

    Raises:
        SealingError: it does not.
        UnwritableError: no room, or a disk that fails.
        AgentError, LakzegelError: what is in the way.
    """
    source = folder / "source"
    source.mkdir()
    (source / "file").write_bytes(_TEXT)
    key, identity = random(32), Identity.from_seed(random(32))
    keys = make_keys(ORIGIN, DEVICE, 0, random=random)
    context = SealContext(
        origin=ORIGIN,
        device=DEVICE,
        epoch=0,
        header_key=keys.header,
        recipients=(identity.recipient,),
        policy_id=bytes(32),
        batch_limit=_LIMIT,
        spool_limit=_LIMIT,
        ledger_key=key,
    )
    spool = Spool.open(folder / "spool")
    with Ledger.open(folder / "ledger.sqlite", key) as ledger:
        ledger.begin_epoch(0, bytes(32))
        report = _capture(source, context, ledger, spool)
        rows = ledger.waiting()
    if report.failed or report.sealed != 1 or len(rows) != 1:
        raise SealingError(f"sealed {report.sealed} of 1 file in {len(rows)} batches")
    head = spool.path(0, 0, "head").read_bytes()
    body = spool.path(0, 0, "body").read_bytes()
    ring = spool.path(0, 0, "keyring").read_bytes()
    data = head + body
    batch = open_batch_file(lambda start, size: data[start : start + size], size=len(data))
    open_header(batch.header_bytes, keys.header.verifier)
    slots = open_keyring(ring, [identity]).slots
    payloads = [batch.item(index, slot).payload for index, slot in enumerate(slots)]
    if _TEXT not in payloads:
        raise SealingError("what was sealed does not come out again")


def _capture(source: Path, context: SealContext, ledger: Ledger, spool: Spool) -> PassReport:
    """Everything that a pass does with one folder, by a sealing process."""
    watched = WatchedSource("dry-run", "folder", os.fsencode(source), None, 0.0)
    with Pool.open(1) as pool:
        return capture_pass(
            [watched],
            context,
            ledger=ledger,
            spool=spool,
            pool=pool,
            clock=lambda: datetime.now(UTC),
            wait_for_room=lambda _: False,
            on_batch=lambda _: None,
            progress=lambda _: None,
            stop=threading.Event(),
        )
