# SPDX-License-Identifier: EUPL-1.2
"""The end of a term of office on this device, or of the device (docs/spec/terms.md §3.2, §3.3).

    both clocks past `ends`, or HOME/decommission -> a whole pass -> the last batch, final
    -> shipped, let go -> HOME/ended written -> keys, ledger and spool removed

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
from lakzegel_agent.spool import Spool
from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.encoding import JsonValue, b64, format_time
from lakzegel_core.errors import LakzegelError

_RECEIPT: Final = "last-receipt"  # what the ledger remembers the last batch's receipt by
_HELD: Final = "last-held"  # likewise of the office's statement that covers it
_ASKED: Final = "term-ends"  # what the ledger remembers that the log was asked for its time by
MAX_ENDED: Final = 2**20  # bytes of HOME/ended: a receipt with 16 large signatures is in it


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


def is_asked(home: Home) -> bool:
    """Return whether this device is to be taken out of use."""
    return home.decommission.exists()


def must_end(
    home: Home, ledger: Ledger, in_force: InForce | None, log: LogKeys, now: datetime
) -> bool:
    """Return whether the next pass is the last one.

    Raises:
        UnwritableError: as ``is_due`` does.
    """
    if is_asked(home):
        return in_force is not None and not is_ended(ledger)
    return is_due(ledger, in_force, log, now)


def state(ledger: Ledger, said: dict[str, JsonValue]) -> None:
    """Queue what became of every version that was ever found, for the last batch."""
    counts: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for label, outcome, reason, versions in ledger.outcomes():
        counts[label].setdefault(outcome, {})[reason] = versions
    rows: list[JsonValue] = [_row(label, counts[label]) for label in sorted(counts)]
    ledger.observe(DEVICE, {**said, "sources": rows})


def statement(home: Home, ends: datetime | None, now: datetime) -> dict[str, JsonValue] | None:
    """Return what the last batch says of why it is the last; None where it is not to be."""
    if is_asked(home):
        return {"type": "decommissioned", "at": format_time(now)}
    return None if ends is None else {"type": "term-ended", "ends": format_time(ends)}


def keep_proof(ledger: Ledger, held: tuple[int, bytes] | None) -> None:
    """Remember the last batch's receipt and the newest held statement, before they go.

    ``held``: its size and its note, verified.
    """
    last = ledger.recall(ENDED)
    if last is None:
        return
    where = json.loads(last)
    receipt = ledger.receipt_of(where["epoch"], where["batch"])
    if receipt is not None and ledger.recall(_RECEIPT) is None:
        ledger.remember(_RECEIPT, receipt)
    if held is not None and held[0] > _held(ledger)[0]:
        ledger.remember(_HELD, b"%d\n" % held[0] + held[1])


def may_leave(home: Home, ledger: Ledger) -> bool:
    """Return whether nothing of it has to stay here any more.

    A device that is taken out of use waits for the office, whatever its policy lets go before.
    """
    if ledger.spooled():
        return False
    return not is_asked(home) or not unheld(ledger)


def unheld(ledger: Ledger) -> bool:
    """Return whether no held statement is known that covers the last batch."""
    last = json.loads(ledger.recall(ENDED) or b"null")
    if last is None:
        return False
    place = ledger.place_of(last["epoch"], last["batch"])
    return place is None or _held(ledger)[0] <= place


def _held(ledger: Ledger) -> tuple[int, bytes]:
    """Return size and note of the newest held statement since the last batch."""
    size, _, note = (ledger.recall(_HELD) or b"0\n").partition(b"\n")
    return int(size), note


def drain(ledger: Ledger, seal: Callable[[], PassReport]) -> None:
    """Seal until nothing that was observed waits for a batch."""
    while ledger.files.queued(after=-(2**62), limit=1):
        if seal().stopped:
            return


def told(home: Home, ledger: Ledger, device: str, at: datetime, *, left: int = 0) -> dict[str, Any]:
    """Return what stays of it on the device: names nobody and no file."""
    counts = ledger.counts()
    last = json.loads(ledger.recall(ENDED) or b"{}")
    figures = {name: getattr(counts, name) for name in ("found", "sealed", "excluded", "failed")}
    size, note = _held(ledger)
    receipt = ledger.recall(_RECEIPT)
    return {
        "at": format_time(at),
        "device": device,
        "how": "decommissioned" if is_asked(home) else "term",
        "ledger": figures,
        "held": {"size": size, "note": b64(note)} if note else None,
        "receipt": None if receipt is None else b64(receipt),
        "left": left,
        **last,
    }


def leave(home: Home, what: dict[str, Any]) -> None:
    """Write what stays, then destroy keys, ledger and spool; nothing of it may be open here.

    Raises:
        UsageError: another agent is at work there.
    """
    with home.exclusive():
        durable.write_file(home.ended, json.dumps(what, sort_keys=True).encode() + b"\n")
        remove(home)


def remove(home: Home) -> None:
    """Remove keys, ledger and spool: all, again after a crash. Keys first.

    Batches that were given up are set aside.
    """
    for folder in (home.keys, *(path / "keys" for path in sorted(home.root.glob("lost-*")))):
        shutil.rmtree(folder, ignore_errors=True)
    durable.sync_folder(home.root)
    for path in home.root.glob("ledger.sqlite*"):
        path.unlink(missing_ok=True)
    if (read_ended(home) or {}).get("left"):
        spool = Spool(home.spool)
        for place in sorted(spool.places()) if home.spool.is_dir() else ():
            spool.set_aside(*place)
    shutil.rmtree(home.spool, ignore_errors=True)
    home.decommission.unlink(missing_ok=True)
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
        at = found.get("at", "")
        if found.get("how") == "decommissioned":
            raise UsageError(
                f"{home.root}: this device was taken out of use {at}; nothing is captured here any"
                " more: whoever gets it is given a home of his own"
            )
        raise UsageError(
            f"{home.root}: its term of office ended {at}; nothing is captured"
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
