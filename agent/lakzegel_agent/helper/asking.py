# SPDX-License-Identifier: EUPL-1.2
"""Secrets of another user, as the helper in his session tells them (docs/spec/session-helper.md).

A helper that is not there, is somebody else's or says what is no answer tells nothing.
"""

from __future__ import annotations

from typing import Final

from lakzegel_agent.helper.roads import PATIENCE, Road
from lakzegel_agent.helper.words import (
    BACKENDS,
    MAX_ANSWER,
    NotUnderstoodError,
    Password,
    Question,
    Unprotect,
    parse_answer,
    question_line,
)


class SessionSecrets:
    """What the helper of one user's session tells."""

    def __init__(self, road: Road, user: int) -> None:
        self._road: Final = road
        self._user: Final = user

    def password(self, backend: str) -> bytes | None:
        """Return Signal's password from that user's keyring, or None where he does not tell."""
        return self._ask(Password(backend)) if backend in BACKENDS else None

    def unprotect(self, blob: bytes) -> bytes | None:
        """Return what Windows protected for that user, or None where it does not tell."""
        return self._ask(Unprotect(blob))

    def _ask(self, question: Question) -> bytes | None:
        try:
            with self._road.to(self._user) as line:
                if line.user != self._user:  # §2.2
                    return None
                line.send(question_line(question))
                return parse_answer(line.receive(MAX_ANSWER, PATIENCE))
        except (OSError, NotUnderstoodError):
            return None
