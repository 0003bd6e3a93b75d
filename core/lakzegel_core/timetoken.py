# SPDX-License-Identifier: EUPL-1.2
"""Answers of authorities: bytes in, a proven token or an exception out.

Parsing and the signature are rfc3161-client's, which receiver and office bring with them; the steps
are those of docs/spec/timestamps.md §3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_der_x509_certificate

from lakzegel_core.errors import TimestampError

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MAX_ANSWER: Final = 65_536  # bytes; a token with its chain has 2 to 8 KB
MAX_ROOT: Final = 65_536  # bytes of one certificate
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_GRANTED: Final = 0  # PKIStatus
_MAX_CHAIN: Final = 16  # certificates from a token to its root


@dataclass(frozen=True, slots=True)
class Token:
    """A token that holds."""

    at: int  # POSIX seconds: the authority's time, whole seconds
    expires: int  # when the first certificate of its chain ends
    root: Certificate  # where the chain ended
    signer: Certificate  # where it began


def open_token(
    answer: bytes, data: bytes, roots: Sequence[Certificate], *, nonce: int | None
) -> Token:
    """The token of an answer, when it is over these bytes and leads to one of the roots.

    Args:
        answer: the DER, already within its limit.
        data: what was stamped.
        roots: whom to trust.
        nonce: the query's; None for a token that was accepted before.

    Raises:
        TimestampError: which step does not hold.
    """
    response = _decode(answer)
    if response.status != _GRANTED:
        raise TimestampError("rejected", f"status {response.status}")
    _require_asked(response, data, nonce)
    _verify(response, data, roots)
    chain = _chain(response, roots)
    at = int(response.tst_info.gen_time.timestamp())
    expires = min(int(c.not_valid_after_utc.timestamp()) for c in chain)
    return Token(at, expires, chain[-1], chain[0])


def fingerprint(certificate: Certificate) -> str:
    """The hexadecimal SHA-256 of a certificate's DER."""
    return certificate.fingerprint(SHA256()).hex()


def pem(certificate: Certificate) -> bytes:
    """The one PEM of a certificate."""
    return certificate.public_bytes(Encoding.PEM)


def _decode(answer: bytes) -> TimeStampResponse:
    try:
        from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 - not the core's own
    except ImportError:
        raise TimestampError("unsupported", "rfc3161-client is not installed") from None
    try:
        response = decode_timestamp_response(answer)
        if response.status == _GRANTED:
            _ = response.tst_info  # a granted answer has a token, which is parsed here
    except ValueError:
        raise TimestampError("format", "not the DER of a time-stamp response") from None
    return response


def _require_asked(response: TimeStampResponse, data: bytes, nonce: int | None) -> None:
    info = response.tst_info
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256:
        raise TimestampError("imprint", "by another algorithm than was asked for")
    if imprint.message != hashlib.sha256(data).digest():
        raise TimestampError("imprint", "of other bytes than were sent")
    if nonce is not None and info.nonce != nonce:
        raise TimestampError("nonce", "not the one that was sent")


def _verify(response: TimeStampResponse, data: bytes, roots: Sequence[Certificate]) -> None:
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 - as above

    verifier = VerifierBuilder(roots=list(roots)).build()
    try:
        verifier.verify_message(response, data)
    except (VerificationError, ValueError):
        raise TimestampError("chain", "signature or certificates do not hold") from None


def _chain(response: TimeStampResponse, roots: Sequence[Certificate]) -> list[Certificate]:
    """The certificates from the one that signed to a root, which the library found to hold."""
    try:
        known = [load_der_x509_certificate(der) for der in response.signed_data.certificates]
        (signer,) = response.signed_data.signer_infos
    except ValueError:
        raise TimestampError("format", "its certificates cannot be read") from None
    chain = [
        c for c in known if (c.issuer, c.serial_number) == (signer.issuer, signer.serial_number)
    ]
    while chain and chain[-1] not in roots and len(chain) < _MAX_CHAIN:
        above = [c for c in (*roots, *known) if c not in chain and _issued(chain[-1], by=c)]
        if not above:
            break
        chain.append(above[0])
    if not chain or chain[-1] not in roots:
        raise TimestampError("chain", "its certificates do not lead to a root")
    return chain


def _issued(certificate: Certificate, *, by: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
