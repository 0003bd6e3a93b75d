# SPDX-License-Identifier: EUPL-1.2
"""The end of a term of office on this device (docs/spec/terms.md §3.2).

    both clocks past `ends` -> a whole pass -> the last batch, final -> shipped, let go
    -> HOME/ended written -> keys, ledger and spool removed

Once the last batch is in the ledger nothing is captured any more, whatever clock or policy say.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from lakzegel_agent import durable
from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.passes import ENDED, PassReport
from lakzegel_agent.policies import InForce
from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.encoding import JsonValue, format_time
from lakzegel_core.errors import LakzegelError

_ASKED: Final = "term-ends"  # what the ledger remembers that the log was asked for its time by
MAX_ENDED: Final = 65_536  # bytes of HOME/ended


def is_ended(ledger: Ledger) -> bool:
    """Return whether the last batch of the custody was closed here."""
    return ledger.recall(ENDED) is not None


def is_due(ledger: Ledger, in_force: InForce | None, log: LogKeys, now: datetime) -> bool:
    """Return whether the term is over, by this clock and by the log's.

    Where the log's newest checkpoint is older, something is queued: a batch makes it sign anew.

    Raises:
        UnwritableError: it cannot be stated now.
    """
    ends = None if in_force is None else in_force.ends
    if ends is None or now < ends or is_ended(ledger):
        return False
    if _log_time(ledger, log) >= ends:
        return True
    said = format_time(ends).encode()
    if ledger.recall(_ASKED) != said:
        ledger.observe(DEVICE, {"type": "term-ends", "ends": format_time(ends)})
        ledger.remember(_ASKED, said)
    return False


def state(ledger: Ledger, ends: datetime) -> None:
    """Queue what became of every version that was ever found, for the last batch."""
    counts: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for label, outcome, reason, versions in ledger.outcomes():
        counts[label].setdefault(outcome, {})[reason] = versions
    rows: list[JsonValue] = [_row(label, counts[label]) for label in sorted(counts)]
    ledger.observe(DEVICE, {"type": "term-ended", "ends": format_time(ends), "sources": rows})


def drain(ledger: Ledger, seal: Callable[[], PassReport]) -> None:
    """Seal until nothing that was observed waits for a batch."""
    while ledger.files.queued(after=-(2**62), limit=1):
        if seal().stopped:
            return


def told(ledger: Ledger, device: str, at: datetime) -> dict[str, Any]:
    """Return what stays of it on the device: names nobody and no file."""
    counts = ledger.counts()
    last = json.loads(ledger.recall(ENDED) or b"{}")
    figures = {name: getattr(counts, name) for name in ("found", "sealed", "excluded", "failed")}
    return {"at": format_time(at), "device": device, "ledger": figures, **last}


def leave(home: Home, what: dict[str, Any]) -> None:
    """Write what stays, then destroy keys, ledger and spool; nothing of it may be open here.

    Raises:
        UsageError: another agent is at work there.
    """
    with home.exclusive():
        durable.write_file(home.ended, json.dumps(what, sort_keys=True).encode() + b"\n")
        remove(home)


def remove(home: Home) -> None:
    """Remove keys, ledger and spool: all, again after a crash. Keys first."""
    for folder in (home.keys, *(path / "keys" for path in sorted(home.root.glob("lost-*")))):
        shutil.rmtree(folder, ignore_errors=True)
    durable.sync_folder(home.root)
    for path in home.root.glob("ledger.sqlite*"):
        path.unlink(missing_ok=True)
    shutil.rmtree(home.spool, ignore_errors=True)
    home.status.unlink(missing_ok=True)
    durable.sync_folder(home.root)


def read_ended(home: Home) -> dict[str, Any] | None:
    """Return what stayed of a custody that ended here; None where none did.

    Raises:
        UsageError: that cannot be told. It is not taken for an end: an end destroys what is left.
    """
    try:
        with home.ended.open("rb") as file:
            found = json.loads(file.read(MAX_ENDED))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"{home.ended}: cannot be read: {error.strerror}; run this as the user of the agent"
        ) from error
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(
            f"{home.ended}: says that a term of office ended, and is damaged; nothing was removed:"
            " ask the records office whether it holds the last batch, then take the home away"
        )
    return found


def require_open(home: Home) -> None:
    """Return where no custody ended; what a crash left of one that did is removed.

    Raises:
        UsageError: one did.
    """
    found = read_ended(home)
    if found is not None:
        remove(home)
        raise UsageError(
            f"{home.root}: its term of office ended {found.get('at', '')}; nothing is captured"
            " here any more: give the successor a home of his own"
        )


def _log_time(ledger: Ledger, log: LogKeys) -> datetime:
    """Return when the newest checkpoint that was seen was signed."""
    seen = ledger.seen()
    try:
        signed_at = 0 if seen is None else open_checkpoint(seen.checkpoint, log).signed_at
    except LakzegelError:
        signed_at = 0
    return datetime.fromtimestamp(signed_at, UTC)


def _row(label: str, counts: dict[str, dict[str, int]]) -> dict[str, JsonValue]:
    totals = {name: sum(counts.get(name, {}).values()) for name in ("sealed", "excluded", "failed")}
    reasons: dict[str, JsonValue] = {
        name: {why: many for why, many in sorted(counts.get(name, {}).items()) if many}
        for name in ("excluded", "failed")
    }
    return {"source": label, "found": sum(totals.values()), **totals, "reasons": reasons}
