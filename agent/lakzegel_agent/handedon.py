# SPDX-License-Identifier: EUPL-1.2
"""Whether a device that is enrolled was handed on to somebody else, by the token in its settings.

A custody is one person's for ever: under two no home seals. docs/spec/settings.md §8
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.courier import Courier
from lakzegel_agent.enrol import CUSTODY, leave_of
from lakzegel_agent.errors import AgentError, UsageError
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.link import Asker
from lakzegel_agent.standing import FIRST_WAIT
from lakzegel_agent.station import Station, chance
from lakzegel_agent.tokens import Token
from lakzegel_core.errors import LakzegelError

TRIES: Final = 3  # of sending what waits, at each start
_KNOWN: Final = "token-known"  # what the ledger remembers the token by that was looked at last


def note_token(opened: Station, token: Token) -> None:
    """Remember that this token is of this device's own custody."""
    opened.ledger.remember(_KNOWN, _mark(token))


def require_same_custody(opened: Station, token: Token, stop: threading.Event) -> None:
    """Return where a token is of the custody that this device is enrolled by, or nobody can tell.

    Raises:
        UsageError: it is another person's; what was captured before is on its way, as far as the
            receiver takes it.
    """
    own = opened.ledger.recall(CUSTODY)
    if own is None or opened.ledger.recall(_KNOWN) == _mark(token):
        return
    found = _custody(opened, token)
    if found is None:
        return
    if found == own.decode():
        note_token(opened, token)
        return
    _ship(opened, stop)
    raise UsageError(
        f"{opened.home.root}: is of custody {own.decode()}, the token in the settings for"
        f" custody {found}; end the term of who had this device, and give who has it now a"
        f" home of his own; {len(opened.ledger.waiting())} batches are not sent yet"
    )


def _ship(opened: Station, stop: threading.Event) -> None:
    """Send what waits in the name of who had the device: nothing new is captured."""
    current = introduction_in_force(opened.ledger, opened.keys)
    if current is None or not opened.ledger.waiting():
        return
    courier = Courier(opened.parts, current, backoff=Backoff(chance, first=FIRST_WAIT), tries=TRIES)
    courier.start()
    try:
        courier.finish(stop)
    finally:
        courier.stop()


def _custody(opened: Station, token: Token) -> str | None:
    """Whose a token is; None where the receiver does not say."""
    if token.leave is not None:
        return token.leave.admission.custody
    device = token.device or ""
    liaison = opened.liaison(opened.ledger)
    try:
        answer = liaison.link.ask(Asker(device, 0, token.key))
        return leave_of(token, answer, device).admission.custody
    except (AgentError, LakzegelError):
        return None
    finally:
        liaison.link.close()


def _mark(token: Token) -> bytes:
    return hashlib.sha256(token.key.verifier.to_text().encode()).digest()
