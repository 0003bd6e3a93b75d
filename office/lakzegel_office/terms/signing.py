# SPDX-License-Identifier: EUPL-1.2
"""Signing one state of a term: the annex, the note over its digest, the journal's line.

The annex is kept first, the line written next, and the note handed out last: a crash between
leaves an annex that nothing names, or a line whose note can be written again.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lakzegel_core import age
from lakzegel_core.hold import TERM, Mark, sign_mark
from lakzegel_core.keys import SigningKey
from lakzegel_office.annexes import keep_annex
from lakzegel_office.commands.common import Office
from lakzegel_office.config import RECIPIENTS
from lakzegel_office.terms.model import Term
from lakzegel_office.terms.register import CHANGE, CLOSE, OPEN, Closing, Signed, Terms

_SECOND: Final = timedelta(seconds=1)


def sign_term(
    office: Office,
    terms: Terms,
    term: Term,
    *,
    key: SigningKey,
    now: datetime,
    random: Callable[[int], bytes],
    closing: Closing | None = None,
) -> Signed:
    """Return a new state of a term, signed, and kept before this returns.

    Its `at` is later than that of the state before, whatever the clock says: no note of a custody
    is older than the one that it replaces.
    """
    recipients = [office.config.recipients[name] for name in RECIPIENTS]
    sealed = age.encrypt(term.to_annex(random), recipients, random=random)
    annex = hashlib.sha256(sealed).digest()
    keep_annex(office.home, sealed)
    act = CLOSE if closing is not None else CHANGE if terms.get(term.custody) else OPEN
    mark = Mark(
        TERM,
        office.config.origin,
        term.custody,
        "closed" if act == CLOSE else "opened",
        annex,
        next_moment(terms, term.custody, now),
        None if closing is None else hashlib.sha256(closing.note).digest(),
    )
    signed = Signed(act, term, sign_mark(mark, key), annex, now, closing)
    terms.add(signed, now)
    return signed


def next_moment(terms: Terms, custody: str, now: datetime) -> datetime:
    """Return now, or a second after the last note of the custody where that is later."""
    before = [Mark.from_text(_text(row.note), TERM).at for row in terms.history(custody)[-1:]]
    return max([now, *(at + _SECOND for at in before)])


def _text(note: bytes) -> bytes:
    return note[: note.index(b"\n\n") + 1]
