# SPDX-License-Identifier: EUPL-1.2
"""The log that another one continues: verified whole, and ended where the new one says."""

from collections.abc import Iterator

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_office.config import read_config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror
from lakzegel_office.verification import Progress, Verification, Verifier

SUCCESSION = "succession"
_LOG = "mirror/log"


def verify_former(home: Home, progress: Progress) -> Checkpoint:
    """Return the newest tree of a mirror that holds whole.

    Raises:
        UsageError: it does not; what does not fit is for `verify` to tell.
    """
    found = Verifier(Mirror(home.mirror), read_config(home.config), progress).run()
    doubts = [doubt for doubt in found.doubts if not doubt.excepted]
    if doubts or found.signed is None:
        raise UsageError(
            f"{home.root}: {len(doubts)} doubts; run 'lakzegel-office verify --home {home.root}'"
        )
    return found.signed.checkpoint


def check_former(found: Verification, former: Verification) -> Iterator[Doubt]:
    """Yield what does not fit between a log and the one that it continues (succession.md §3)."""
    yield from former.doubts
    said = found.replay.custody.succession if found.replay is not None else None
    if said is None:
        yield Doubt(_LOG, "does not say that it continues another log", SUCCESSION)
    elif former.signed is not None and former.signed.checkpoint != said.former:
        kept = former.signed.checkpoint
        yield Doubt(
            _LOG,
            f"continues {said.former.origin} after {said.former.size} entries; --former holds"
            f" {kept.origin} with {kept.size}, or another root",
            SUCCESSION,
        )
