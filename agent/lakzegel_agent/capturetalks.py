# SPDX-License-Identifier: EUPL-1.2
"""Conversations against the ledger: which are new, changed, private or too large.

A conversation is a file of the ledger's, known by the keyed digest of its bytes instead of by what
the system tells of a file. docs/spec/conversations.md §3
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from lakzegel_agent.correspondents import PRIVATE, is_private
from lakzegel_agent.ledgerfiles import LedgerFiles
from lakzegel_agent.ledgerrows import SEGMENT, FileState, KnownFile
from lakzegel_agent.scan import Outcome
from lakzegel_agent.sealing.surveys import Surveyed
from lakzegel_agent.stores.rendering import MAX_SIZE

TOO_LARGE: Final = "too-large"
_MANY: Final = 500  # conversations looked at together
_SPARE: Final = 2**16  # bytes that may be new though the sizes say less: an edited day
_SPARE_SEGMENTS: Final = 8

Refusal = tuple[Outcome, str] | None


class Talk(NamedTuple):
    """What is known of a conversation that is to be captured."""

    store: bytes
    key: str
    size: int
    segments: int
    planned: int  # bytes and segments that are probably new
    planned_segments: int


class NewTalk(NamedTuple):
    """A conversation that is new or changed, and its row in the ledger."""

    name: bytes
    one: Surveyed
    secret: bytes | None
    again: bool
    talk: Talk


def new_talks(
    found: Sequence[tuple[bytes, bytes, Surveyed]],
    files: LedgerFiles,
    listed: frozenset[str],
    met: Callable[[KnownFile], None],
    note: Callable[[bytes, Outcome, str, bytes], None],
) -> Iterator[NewTalk]:
    """Yield what is to be captured of these (name, store, conversation).

    ``met`` hears of each row, ``note`` of what is not captured: name, outcome, reason, path.
    """
    for start in range(0, len(found), _MANY):
        some = found[start : start + _MANY]
        known = files.look([name for name, _, _ in some])
        dirty = []
        for name, store, one in some:
            row = known.get(name)
            if row is not None:
                met(row)
            refused = _refusal(one, listed)
            if refused is not None:
                if row is None or row.gone or (row.outcome, row.reason) != refused:
                    note(name, *refused, one.path)
            elif row is None or row.gone or row.mark != one.mark:
                dirty.append((name, store, one))
        secrets = files.secrets([name for name, _, _ in dirty if name in known])
        for name, store, one in dirty:
            secret = secrets.get(name)
            again = name in known and known[name].gone
            talk = _talk(store, one, secret, name, files)
            yield NewTalk(name, one, secret, again, talk)


def _refusal(one: Surveyed, listed: frozenset[str]) -> Refusal:
    if is_private(one.people, listed):
        return "excluded", PRIVATE
    return ("failed", TOO_LARGE) if one.size > MAX_SIZE else None


def _talk(
    store: bytes, one: Surveyed, secret: bytes | None, name: bytes, files: LedgerFiles
) -> Talk:
    planned, segments = one.size, one.segments
    if secret is not None:
        before = FileState.unpack(files.cipher.open(secret, name))
        planned = min(planned, max(one.size - before.size, 0) + _SPARE)
        known = len(before.segments) // SEGMENT.size
        segments = min(segments, max(one.segments - known, 0) + _SPARE_SEGMENTS)
    return Talk(store, one.key, one.size, one.segments, planned, segments)
