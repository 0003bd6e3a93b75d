# SPDX-License-Identifier: EUPL-1.2
"""How many witnesses must have seen a checkpoint (docs/spec/receipt.md §3)."""

from __future__ import annotations

from dataclasses import dataclass

from lakzegel_core.checkpoint import SignedCheckpoint
from lakzegel_core.errors import FormatError, MissingSignatureError
from lakzegel_core.keys import Algorithm, VerifierKey


@dataclass(frozen=True, slots=True)
class Quorum:
    """``threshold`` of ``witnesses``."""

    witnesses: tuple[VerifierKey, ...]
    threshold: int

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= len(self.witnesses):
            raise FormatError(
                "quorum", f"{self.threshold} of {len(self.witnesses)} witnesses cannot be had"
            )
        if len({key.public for key in self.witnesses}) != len(self.witnesses):
            raise FormatError("quorum", "one witness is named twice")
        if any(key.algorithm is Algorithm.ED25519 for key in self.witnesses):
            raise FormatError("quorum", "a witness's key is of type 0x04 or 0x06")


def require_quorum(signed: SignedCheckpoint, quorum: Quorum) -> None:
    """Return when enough of the quorum's witnesses cosigned.

    Raises:
        MissingSignatureError: too few did.
    """
    count = len({c.key.public for c in signed.cosignatures if c.key in quorum.witnesses})
    if count < quorum.threshold:
        raise MissingSignatureError(
            f"checkpoint {signed.checkpoint.size}: {count} of {quorum.threshold} witnesses"
        )
