# SPDX-License-Identifier: EUPL-1.2
r"""The lines between an agent and the helper of a session (docs/spec/session-helper.md §1).

-> {"ask":"password","backend":"gnome_libsecret"}\n
-> {"ask":"unprotect","blob":"AQAAANCMnd8="}\n
<- {"secret":"Z2VoZWlt"}\n      {}\n
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

MAX_QUESTION: Final = 65_536  # bytes, docs/spec/session-helper.md §1
MAX_ANSWER: Final = 8_192  # bytes
MAX_SECRET: Final = 4_096  # bytes
BACKENDS: Final = frozenset({"gnome_libsecret", "kwallet", "kwallet5", "kwallet6", "keychain"})


class NotUnderstoodError(ValueError):
    """A line that is none of these; nobody is told, for who speaks so is no part of Lakzegel."""


@dataclass(frozen=True, slots=True)
class Password:
    """Asks what this keyring keeps for Signal."""

    backend: str


@dataclass(frozen=True, slots=True)
class Unprotect:
    """Asks what the system protected here, for this user."""

    blob: bytes


Question = Password | Unprotect


def question_line(question: Question) -> bytes:
    """The line that asks."""
    if isinstance(question, Password):
        return _line({"ask": "password", "backend": question.backend})
    return _line({"ask": "unprotect", "blob": b64encode(question.blob).decode("ascii")})


def parse_question(line: bytes) -> Question:
    """What a line asks.

    Raises:
        NotUnderstoodError: it is no such line.
    """
    told = _object(line, MAX_QUESTION)
    if told.keys() == {"ask", "backend"} and told["ask"] == "password":
        question: Question = Password(told["backend"])
        if told["backend"] not in BACKENDS:
            raise NotUnderstoodError("no keyring of that name")
    elif told.keys() == {"ask", "blob"} and told["ask"] == "unprotect":
        question = Unprotect(_bytes(told["blob"]))
    else:
        raise NotUnderstoodError("nothing that is answered")
    return question


def answer_line(secret: bytes | None) -> bytes:
    """The line that tells a secret, or that there is none."""
    if not secret or len(secret) > MAX_SECRET:
        return _line({})
    return _line({"secret": b64encode(secret).decode("ascii")})


def parse_answer(line: bytes) -> bytes | None:
    """The secret that a line tells, None where it tells none.

    Raises:
        NotUnderstoodError: it is no such line.
    """
    told = _object(line, MAX_ANSWER)
    if not told:
        return None
    if told.keys() != {"secret"}:
        raise NotUnderstoodError("more than a secret")
    secret = _bytes(told["secret"])
    if not 0 < len(secret) <= MAX_SECRET:
        raise NotUnderstoodError(f"a secret of {len(secret)} bytes")
    return secret


def _line(told: dict[str, str]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _object(line: bytes, most: int) -> dict[str, str]:
    if len(line) > most or not line.endswith(b"\n"):
        raise NotUnderstoodError(f"no line of at most {most} bytes")
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not all(isinstance(one, str) for one in told.values()):
        raise NotUnderstoodError("no object of texts")
    if _line(told) != line:
        raise NotUnderstoodError("not the canonical encoding")
    return told


def _bytes(text: str) -> bytes:
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise NotUnderstoodError("not base64") from None
    if b64encode(data).decode("ascii") != text:
        raise NotUnderstoodError("not canonical base64")
    return data
