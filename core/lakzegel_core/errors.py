# SPDX-License-Identifier: EUPL-1.2
"""The one tree of errors.

    LakzegelError
    ├── FormatError                bytes are not the one canonical encoding
    │   └── LimitError             larger, longer or deeper than the specification allows
    ├── SignatureError             a signature does not hold
    │   ├── UnknownKeyError        signed by a key that was not asked for
    │   ├── MissingSignatureError  a required signature is not there
    │   └── RoleError              a key is used in a role that it does not have
    ├── ProofError                 a Merkle proof does not hold
    │   ├── InclusionError
    │   ├── ConsistencyError
    │   ├── RootMismatchError
    │   └── OldSizeError           a witness knows another tree of this log than was supposed
    ├── UnknownLogError            a checkpoint of a log that a witness was not told of
    ├── DecryptError               a key does not open these bytes
    ├── ChainError                 a batch does not fit the device's chain
    │   ├── GapError               numbers or hashes skip something
    │   ├── ForkError              another batch already has this number
    │   ├── ReplayError            this very batch is already in the log
    │   └── EpochError             an epoch that the device has no right to
    ├── AdmissionError             a device that may not take part
    │   ├── NotAdmittedError
    │   ├── RevokedError
    │   ├── ExpiredError
    │   ├── ExhaustedError
    │   └── WithdrawnError
    ├── TimestampError             a time-stamp token that cannot be kept, by its reason
    ├── PolicyError                a policy that may not be applied
    └── ContentError               bytes are not what was committed to
        ├── DigestMismatchError
        ├── SizeMismatchError
        └── CommitmentMismatchError

Callers branch on the type; ``code`` is its stable name in problem documents and reports. No
message holds a secret, a path or content.
"""

from __future__ import annotations

from typing import ClassVar


class LakzegelError(Exception):
    """Any refusal by the core."""

    code: ClassVar[str] = "error"


class FormatError(LakzegelError):
    """``what`` is not the canonical encoding, because of ``why``."""

    code: ClassVar[str] = "format"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


class LimitError(FormatError):
    """``what`` is beyond a limit of the specification."""

    code: ClassVar[str] = "limit"


class SignatureError(LakzegelError):
    """A signature does not hold."""

    code: ClassVar[str] = "signature"


class UnknownKeyError(SignatureError):
    """A signature line belongs to no key that was asked for."""

    code: ClassVar[str] = "unknown-key"


class MissingSignatureError(SignatureError):
    """A required signature is not there."""

    code: ClassVar[str] = "missing-signature"


class RoleError(SignatureError):
    """A key is used in a role that it does not have."""

    code: ClassVar[str] = "role"


class ProofError(LakzegelError):
    """A Merkle proof does not hold."""

    code: ClassVar[str] = "proof"


class InclusionError(ProofError):
    """The leaf is not proven to be in the tree."""

    code: ClassVar[str] = "inclusion"


class ConsistencyError(ProofError):
    """The newer tree is not proven to extend the older one."""

    code: ClassVar[str] = "consistency"


class RootMismatchError(ProofError):
    """Recomputed hashes do not give the stated root."""

    code: ClassVar[str] = "root-mismatch"


class OldSizeError(ProofError):
    """The newest tree that a witness cosigned is another than the proof begins with."""

    code: ClassVar[str] = "old-size"

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.size = size


class UnknownLogError(LakzegelError):
    """A witness was not told of this log."""

    code: ClassVar[str] = "unknown-log"


class DecryptError(LakzegelError):
    """The key does not open these bytes."""

    code: ClassVar[str] = "decrypt"


class ChainError(LakzegelError):
    """A batch does not fit the device's chain."""

    code: ClassVar[str] = "chain"


class GapError(ChainError):
    """``device`` skipped: ``expected`` was next, ``found`` came."""

    code: ClassVar[str] = "gap"

    def __init__(self, device: str, *, expected: str, found: str) -> None:
        super().__init__(f"device {device}: expected {expected}, found {found}")
        self.device = device
        self.expected = expected
        self.found = found


class ForkError(ChainError):
    """Another batch already has this place in the chain."""

    code: ClassVar[str] = "fork"


class ReplayError(ChainError):
    """This very batch is already in the log."""

    code: ClassVar[str] = "replay"


class EpochError(ChainError):
    """An epoch that the device has no right to open or to use."""

    code: ClassVar[str] = "epoch"


class AdmissionError(LakzegelError):
    """A device that may not take part."""

    code: ClassVar[str] = "admission"


class NotAdmittedError(AdmissionError):
    """No admission covers this device or token."""

    code: ClassVar[str] = "not-admitted"


class RevokedError(AdmissionError):
    """The device was revoked."""

    code: ClassVar[str] = "revoked"


class ExpiredError(AdmissionError):
    """The admission is past its date."""

    code: ClassVar[str] = "expired"


class ExhaustedError(AdmissionError):
    """The admission's count is used up."""

    code: ClassVar[str] = "exhausted"


class WithdrawnError(AdmissionError):
    """The admission was taken back."""

    code: ClassVar[str] = "withdrawn"


class TimestampError(LakzegelError):
    """No time-stamp token that can be kept; ``reason`` is one of docs/spec/timestamps.md §3."""

    code: ClassVar[str] = "timestamp"

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(f"{reason}: {what}")
        self.reason = reason


class PolicyError(LakzegelError):
    """A policy that is not valid or may not be applied."""

    code: ClassVar[str] = "policy"


class ContentError(LakzegelError):
    """Bytes are not what was committed to."""

    code: ClassVar[str] = "content"


class DigestMismatchError(ContentError):
    """The SHA-256 differs from the stated one."""

    code: ClassVar[str] = "digest-mismatch"


class SizeMismatchError(ContentError):
    """The size differs from the stated one."""

    code: ClassVar[str] = "size-mismatch"


class CommitmentMismatchError(ContentError):
    """What was sealed is not what was committed to."""

    code: ClassVar[str] = "commitment-mismatch"
