# SPDX-License-Identifier: EUPL-1.2
"""The question to an authority (docs/spec/timestamps.md §2)."""

from __future__ import annotations

from dataclasses import dataclass

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from lakzegel_core.errors import TimestampError


@dataclass(frozen=True, slots=True)
class Query:
    """What an authority is asked: the DER, and the nonce that must come back."""

    der: bytes
    nonce: int


def make_query(data: bytes) -> Query:
    """The question for a token over these bytes."""
    request = (
        TimestampRequestBuilder()
        .data(data)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    if request.nonce is None:
        raise TimestampError("nonce", "the library made a query without one")
    return Query(request.as_bytes(), request.nonce)
