# SPDX-License-Identifier: EUPL-1.2
"""`verify --open`: every item of the mirror opened again, whatever `state/` says."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from os import urandom
from pathlib import Path
from typing import Final

from lakzegel_office.bringing import SPREAD_FROM
from lakzegel_office.doubts import Doubt
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.home import Home
from lakzegel_office.index import IndexStore
from lakzegel_office.mirror import Mirror
from lakzegel_office.opening import OpenResult, OpenTask, start_worker, work
from lakzegel_office.references import References
from lakzegel_office.replay import Replay, destroyed_in
from lakzegel_office.spread import in_turn, spread

LEFT: Final = 86_400  # seconds after which nobody works in such a folder any more


def reopen(home: Home, replay: Replay, identities: Sequence[str]) -> tuple[int, list[Doubt]]:
    """Return how many items were opened, and what does not fit and is in no finding yet.

    The index that this makes lies in a folder of its own, under a key that nobody keeps, and is
    gone at the end.
    """
    home.state.mkdir(exist_ok=True, mode=0o700)
    for left in home.state.glob("verify-*"):  # by one that was killed; its key is nowhere
        if time.time() - left.stat().st_mtime > LEFT:
            shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix="verify-", dir=home.state))
    try:
        return _reopen(Mirror(home.mirror), replay, identities, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _reopen(
    mirror: Mirror, replay: Replay, identities: Sequence[str], scratch: Path
) -> tuple[int, list[Doubt]]:
    key = urandom(32)
    store = IndexStore(scratch, key)
    store.make_folders()
    references = References(store, replay, lambda _: None)
    present = [record for record in replay.accepted if _is_here(mirror, record)]
    tasks = (
        OpenTask(
            r.batch_id,
            mirror.batch(r.batch_id),
            mirror.keyring(r.batch_id),
            destroyed_in(replay, r),
        )
        for r in present
    )
    run = spread if sum(r.header.items for r in present) >= SPREAD_FROM else in_turn
    results = run(tasks, work, prepare=start_worker, arguments=(list(identities), scratch, key))
    total = 0
    doubts: list[Doubt] = []
    for record, result in zip(present, results, strict=True):
        total += result.items
        store.mark(record.batch_id, result.items, ())
        doubts += _doubts(mirror, replay, references, record, result)
    return total, doubts


def _is_here(mirror: Mirror, record: HeaderRecord) -> bool:
    name = record.batch_id
    return mirror.batch(name).is_file() and mirror.keyring(name).is_file()


def _doubts(
    mirror: Mirror,
    replay: Replay,
    references: References,
    record: HeaderRecord,
    result: OpenResult,
) -> Iterator[Doubt]:
    file = mirror.name(mirror.batch(record.batch_id))
    for failure in (*result.failures, *(references.failures(record, result) or ())):
        if replay.excepted_at(record.batch_id, failure.code, failure.index) is None:
            yield Doubt(file, failure.what, failure.code, record.name, failure.index)
