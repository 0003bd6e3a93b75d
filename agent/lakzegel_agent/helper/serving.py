# SPDX-License-Identifier: EUPL-1.2
"""Answers an agent in a user's session, one question at a time (docs/spec/session-helper.md)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lakzegel_agent.helper.roads import LISTENING, Door, Line
from lakzegel_agent.helper.words import (
    MAX_QUESTION,
    NotUnderstoodError,
    Password,
    Question,
    answer_line,
    parse_question,
)

if TYPE_CHECKING:
    from lakzegel_agent.stores.signal_keys import Secrets


def serve(door: Door, secrets: Secrets, *, agent: int, idle: float) -> int:
    """Answer until nobody came for ``idle`` seconds; how many questions were answered.

    Args:
        door: where one is asked.
        secrets: those of the user whose session this is.
        agent: the user that the agent runs as; nobody else is answered.
        idle: seconds.
    """
    answered = 0
    while (asking := door.wait(idle)) is not None:
        # who goes away, waits or talks nonsense keeps nobody else from being answered
        with suppress(OSError, NotUnderstoodError), asking as line:
            answered += _answer(line, secrets, agent)
    return answered


def _answer(line: Line, secrets: Secrets, agent: int) -> int:
    if line.user != agent:  # §2.1
        return 0
    question = parse_question(line.receive(MAX_QUESTION, LISTENING))
    line.send(answer_line(_told(question, secrets)))
    return 1


def _told(question: Question, secrets: Secrets) -> bytes | None:
    if isinstance(question, Password):
        return secrets.password(question.backend)
    return secrets.unprotect(question.blob)
