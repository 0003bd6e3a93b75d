# SPDX-License-Identifier: EUPL-1.2
"""What time-stamp authorities say of a proven item (docs/spec/proof.md §3, step 9).

A token bounds the time of everything in the checkpoint that it is over. When a certificate of its
chain has ended, it bounds nothing any more, unless it was renewed before: by a token over a list
that names it, and so on to one that holds now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from cryptography.x509 import Certificate, load_der_x509_certificate

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import DigestMismatchError, FormatError, LimitError, TimestampError
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.itemproof import ItemProof, Stamp
from lakzegel_core.timerenewal import MAX_LIST, parse_list
from lakzegel_core.timetoken import MAX_ANSWER, MAX_ROOT, Token, fingerprint, open_token

MAX_NAME: Final = 256  # characters


class Worth(Enum):
    """What a stamp is worth to who has these keys, now."""

    BOUND = "bound"
    UNKNOWN = "unknown"  # it holds, and its authority is not in the key file
    ENDED = "ended"  # its certificates have, and nothing renewed it before
    UNCHECKED = "unchecked"  # what checks tokens is not installed


@dataclass(frozen=True, slots=True)
class Bound:
    """A stamp, judged."""

    worth: Worth
    at: datetime | None = None  # what the first token says; None: not checked
    authority: str = ""
    roots: tuple[str, ...] = ()  # fingerprints of those that are not in the key file
    ended: datetime | None = None

    def sentence(self) -> str:
        """What may be said of it, and no more."""
        if self.worth is Worth.UNCHECKED or self.at is None:
            return "a time-stamp token is NOT CHECKED: rfc3161-client is not installed here"
        if self.worth is Worth.ENDED and self.ended is not None:
            return (
                f"NO bound by the time-stamp authority {self.authority}: the certificates of its"
                f" token ended {format_time(self.ended)}, and nothing renewed it before"
            )
        said = f"sealed before {format_time(self.at)} according to"
        said = f"{said} the time-stamp authority {self.authority}"
        if self.worth is Worth.BOUND:
            return said
        return f"{said}, IF you trust its root, which your key file does not name: " + ", ".join(
            self.roots
        )


def judge_times(proof: ItemProof, keys: JudgeKeys, *, now: datetime) -> tuple[Bound, ...]:
    """What each stamp of a proof that `judge_item` found to hold is worth.

    Raises:
        TimestampError: a token that does not hold, or is over something else.
        FormatError: a root that is none or out of order, a list that is none or another log's.
        DigestMismatchError: a list that does not renew what stands before it.
    """
    roots = _roots(proof)
    return tuple(_judge(stamp, keys, roots, int(now.timestamp())) for stamp in proof.stamps)


def _roots(proof: ItemProof) -> list[Certificate]:
    digests = [hashlib.sha256(root).digest() for root in proof.roots]
    if digests != sorted(set(digests)):
        raise FormatError("item proof", "its roots are out of order, or one is there twice")
    if any(len(root) > MAX_ROOT for root in proof.roots):
        raise LimitError("item proof", f"a root of more than {MAX_ROOT} bytes")
    try:
        return [load_der_x509_certificate(root) for root in proof.roots]
    except ValueError:
        raise FormatError("item proof", "a root is no certificate") from None


def _judge(stamp: Stamp, keys: JudgeKeys, roots: Sequence[Certificate], now: int) -> Bound:
    try:
        tokens = _tokens(stamp, keys.log.origin, roots)
    except TimestampError as error:
        if error.reason == "unsupported":
            return Bound(Worth.UNCHECKED)
        raise
    first = tokens[0]
    at, authority = _moment(first.at), _shown(first.signer)
    unknown = {fingerprint(token.root) for token in tokens} - set(keys.authorities)
    held_until = [*(token.at for token in tokens[1:]), now]
    for token, until in zip(tokens, held_until, strict=True):
        if token.expires <= until:
            return Bound(Worth.ENDED, at, authority, ended=_moment(token.expires))
    worth = Worth.UNKNOWN if unknown else Worth.BOUND
    return Bound(worth, at, authority, tuple(sorted(unknown)))


def _tokens(stamp: Stamp, origin: str, roots: Sequence[Certificate]) -> list[Token]:
    """The token over the checkpoint, then each that renews the one before."""
    tokens = [_open(stamp.token, stamp.anchor.checkpoint, roots)]
    before = stamp.token
    for one in stamp.renewals:
        if len(one.renewed) > MAX_LIST:
            raise LimitError("timestamp renewal", f"more than {MAX_LIST} bytes")
        log, renewed = parse_list(one.renewed)
        if log != origin:
            raise FormatError("timestamp renewal", "of another log")
        named = hashlib.sha256(before).digest(), fingerprint(tokens[-1].root)
        if named not in {(token.token, token.root) for token in renewed}:
            raise DigestMismatchError("a renewal does not name the token before it")
        tokens.append(_open(one.token, one.renewed, roots))
        before = one.token
    return tokens


def _open(answer: bytes, data: bytes, roots: Sequence[Certificate]) -> Token:
    if len(answer) > MAX_ANSWER:
        raise LimitError("timestamp", f"more than {MAX_ANSWER} bytes")
    return open_token(answer, data, roots, nonce=None)


def _shown(certificate: Certificate) -> str:
    """Whose it is, as a line may show it."""
    name = certificate.subject.rfc4514_string()[:MAX_NAME]
    return "".join(c if c.isprintable() else "?" for c in name)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
