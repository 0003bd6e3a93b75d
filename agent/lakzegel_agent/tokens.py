# SPDX-License-Identifier: EUPL-1.2
"""What lets a device in, in the forms in which a profile or a person brings it.

    a token file     PRIVATE+KEY+…, a blank line, the admission: `lakzegel-office admit`
    a token's line   PRIVATE+KEY+…             the admission is in the log
    a roster's line  PRIVATE+ROSTER+…          likewise; the token is this machine's own

docs/spec/admission.md §2, §6; settings.md §8
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_core import fields
from lakzegel_core.admission import Admission
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey
from lakzegel_core.limits import MAX_NOTE
from lakzegel_core.note import parse
from lakzegel_core.roster import PREFIX, RosterKey, name_by_token

Random = Callable[[int], bytes]
MAX_TOKEN_FILE: Final = MAX_NOTE + 4096  # bytes: a key line, a blank line, the admission note
_BLANK: Final = b"\n\n"
_RANDOM: Final = 8  # bytes of the name of a device that has no serial number


@dataclass(frozen=True, slots=True)
class Leave:
    """An admission that names a token, and its exact note."""

    admission: Admission
    note: bytes

    @property
    def id(self) -> bytes:
        """The admission's id in the log."""
        return hashlib.sha256(self.note).digest()


@dataclass(frozen=True, slots=True)
class Token:
    """A token's secret key, and the admission that names it where that came with it.

    ``device`` is the name that this machine has by it, where nobody wishes for another.
    """

    key: SigningKey
    leave: Leave | None = None
    device: str | None = None


def read_token(path: Path, *, origin: str) -> Token:
    """The token of a file as `lakzegel-office admit` writes it.

    Raises:
        UsageError: it is not one, or is for another log.
    """
    return _of_file(read_token_file(path), str(path), origin)


def read_token_file(path: Path) -> bytes:
    """The bytes of a file with a token.

    Raises:
        UsageError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the token file: {error.strerror}") from None
    if len(data) > MAX_TOKEN_FILE:
        raise UsageError(f"{path}: not a token file: a key, a blank line, an admission")
    return data


def token_of(
    data: bytes, *, place: str, origin: str, serial: Callable[[], str | None], random: Random
) -> Token:
    """The token of a profile, in whichever of its forms, with this machine's name.

    Raises:
        UsageError: it is none, is for another log, or this machine has no serial number.
    """
    if data.startswith(PREFIX.encode()):
        return _of_roster(data, place, origin, serial())
    whole = _BLANK in data
    found = _of_file(data, place, origin) if whole else Token(_key(data.strip(), place))
    if not found.key.verifier.name.startswith(f"{origin}/token/"):
        raise UsageError(f"{place}: is for another log; this device trusts {origin}")
    fixed = None if found.leave is None else found.leave.admission.device
    number = None if fixed else serial()
    name = fixed or (
        f"d-{random(_RANDOM).hex()}" if number is None else name_by_token(found.key, number)
    )
    return Token(found.key, found.leave, name)


def device_name(token: Token, wished: str | None, *, random: Random) -> str:
    """The device's name: the admission's, the one wished for, the machine's, or a random one.

    Raises:
        UsageError: the admission is for another device, or the wish is no name.
    """
    admission = None if token.leave is None else token.leave.admission
    if admission is not None and admission.device is not None:
        if wished not in {None, admission.device}:
            raise UsageError(f"--device {wished}: the token is for device {admission.device}")
        return admission.device
    if wished is None:
        group = "" if admission is None else admission.group or ""
        return token.device or f"{group[:54]}-{random(4).hex()}"
    try:
        return fields.slug(wished, what="--device")
    except LakzegelError as error:
        raise UsageError(str(error)) from None


def _of_file(data: bytes, place: str, origin: str) -> Token:
    line, blank, note = data.partition(_BLANK)
    if not blank:
        raise UsageError(f"{place}: not a token file: a key, a blank line, an admission")
    key = _key(line, place)
    try:
        admission = Admission.from_text(parse(note).text)
    except LakzegelError as error:
        raise UsageError(f"{place}: not a token file: {error}") from None
    if key.verifier != admission.token:
        raise UsageError(f"{place}: its admission is for another token")
    if admission.origin != origin:
        raise UsageError(f"{place}: is for log {admission.origin}, this device trusts {origin}")
    return Token(key, Leave(admission, note))


def _of_roster(data: bytes, place: str, origin: str, serial: str | None) -> Token:
    try:
        roster = RosterKey.from_text(data.decode("utf-8", "replace").strip())
        if roster.origin != origin:
            raise UsageError(f"{place}: is for log {roster.origin}, this device trusts {origin}")
        if serial is None:
            raise UsageError(
                f"{place}: this device has no serial number that can be read; have the setting"
                " serial_number say it"
            )
        made = roster.derive(serial)
    except LakzegelError as error:
        raise UsageError(f"{place}: not a roster's line: {error}") from None
    return Token(made.token, None, made.device)


def _key(line: bytes, place: str) -> SigningKey:
    try:
        return SigningKey.from_text(line.decode("utf-8", "replace"))
    except LakzegelError as error:
        raise UsageError(f"{place}: not a token file: {error}") from None
