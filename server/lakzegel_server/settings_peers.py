# SPDX-License-Identifier: EUPL-1.2
"""Who else knows this log: the records office, and witnesses."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_server.settings_section import AbsolutePath, Section, ServerUrl


def _cosigner(text: str) -> str:
    """A verifier key line of a witness."""
    try:
        key = VerifierKey.from_text(text)
    except LakzegelError:
        raise ValueError("not a verifier key") from None
    if key.algorithm is Algorithm.ED25519:
        raise ValueError("not the key of a witness (type 0x04 or 0x06)")
    return text


def _distinct(witnesses: tuple[Witness, ...]) -> tuple[Witness, ...]:
    if len({witness.key for witness in witnesses}) != len(witnesses):
        raise ValueError("one key is named twice")
    return witnesses


CosignerKey = Annotated[str, AfterValidator(_cosigner)]


class Office(Section):
    """The records office's own server, and the account of this receiver there."""

    url: ServerUrl
    token_file: AbsolutePath
    ca_file: AbsolutePath | None = None


class Witness(Section):
    """A C2SP tlog-witness that is asked to cosign, and its key."""

    url: ServerUrl
    key: CosignerKey
    ca_file: AbsolutePath | None = None


Witnesses = Annotated[tuple[Witness, ...], AfterValidator(_distinct)]
