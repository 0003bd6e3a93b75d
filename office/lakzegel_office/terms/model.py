# SPDX-License-Identifier: EUPL-1.2
"""A person's term in one custody, his posts in it, and how they are written down.

    {"blind":"…","custody":"2026-bzk","devices":["laptop-7"],"form":"lakzegel.nl/term-details/v1",
     "from":"…Z","person":"A. B. de Vries","posts":[{"from":"…Z","kind":"full","role":"…",
     "until":null}],"until":null}

docs/spec/terms.md §2.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, Final, Self

from lakzegel_core.encoding import b64, canonical_json, format_time, parse_canonical_json
from lakzegel_core.encoding import parse_time as parse
from lakzegel_core.errors import FormatError
from lakzegel_core.fields import slug
from lakzegel_core.limits import MAX_ANNEX
from lakzegel_office.errors import UsageError

FORM: Final = "lakzegel.nl/term-details/v1"
MAX_NAME: Final = 200  # characters of a person's name or a role
BLIND: Final = 16  # bytes
_FIELDS: Final = {"blind", "custody", "devices", "form", "from", "person", "posts", "until"}


class PostKind(StrEnum):
    """In which way somebody holds a post."""

    FULL = "full"
    ACTING = "acting"  # for somebody else
    CARETAKER = "caretaker"  # demissionary


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment on, before another; without the other for good."""

    begins: datetime
    ends: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Return whether a moment lies in it."""
        return self.begins <= at and (self.ends is None or at < self.ends)

    def overlaps(self, other: "Period") -> bool:
        """Return whether a moment lies in both."""
        return (other.ends is None or self.begins < other.ends) and (
            self.ends is None or other.begins < self.ends
        )

    def within(self, other: "Period") -> bool:
        """Return whether all of it lies in the other."""
        return other.begins <= self.begins and (
            other.ends is None or (self.ends is not None and self.ends <= other.ends)
        )


@dataclass(frozen=True, slots=True)
class Post:
    """What somebody is for a time."""

    role: str
    kind: PostKind
    period: Period


@dataclass(frozen=True, slots=True)
class Term:
    """One person's term in one custody."""

    custody: str
    person: str
    period: Period
    posts: tuple[Post, ...]
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            FormatError: names what does.
        """
        _require_period(self.period, "term")
        if not self.posts:
            raise FormatError("term", "has no post")
        for post in self.posts:
            _require_period(post.period, f"post {post.role}")
            if not post.period.within(self.period):
                raise FormatError("term", f"post {post.role} reaches beyond the term")
        for number, post in enumerate(self.posts):
            for other in self.posts[number + 1 :]:
                if post.role == other.role and post.period.overlaps(other.period):
                    raise FormatError("term", f"post {post.role} overlaps with itself")

    def with_posts(self, *posts: Post) -> Self:
        """Return it with exactly these posts, in their order."""
        ordered = sorted(posts, key=lambda post: (post.period.begins, post.role))
        return replace(self, posts=tuple(ordered))

    def ended(self, at: datetime) -> Self:
        """Return it ended at a moment, and every post that still ran."""
        return replace(
            self,
            period=Period(self.period.begins, at),
            posts=tuple(
                post
                if post.period.ends is not None and post.period.ends <= at
                else replace(post, period=Period(post.period.begins, at))
                for post in self.posts
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what is written of it."""
        return {
            "custody": self.custody,
            "devices": list(self.devices),
            "from": format_time(self.period.begins),
            "person": self.person,
            "posts": [
                {"kind": str(post.kind), "role": post.role, **_period_json(post.period)}
                for post in self.posts
            ],
            "until": _shown(self.period.ends),
        }

    def to_annex(self, random: Callable[[int], bytes]) -> bytes:
        """Return the plaintext of its annex."""
        return canonical_json({**self.to_json(), "blind": b64(random(BLIND)), "form": FORM})

    @classmethod
    def from_annex(cls, data: bytes) -> Self:
        """Return the term of an annex's plaintext.

        Raises:
            FormatError: it is none.
        """
        value = parse_canonical_json(data, what="term", max_size=MAX_ANNEX)
        if not isinstance(value, dict) or set(value) != _FIELDS or value["form"] != FORM:
            raise FormatError("term", "not the details of a term")
        return cls.from_json(value)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the term that was written.

        Raises:
            FormatError: it contradicts itself or the form.
        """
        try:
            posts = tuple(
                Post(name_of(row["role"]), PostKind(row["kind"]), _period_of(row))
                for row in value["posts"]
            )
            devices = tuple(slug(name, what="device") for name in value["devices"])
            return cls(
                slug(value["custody"], what="custody"),
                name_of(value["person"]),
                _period_of(value),
                posts,
                devices,
            )
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise FormatError("term", f"not the details of a term ({error})") from None


def name_of(text: str) -> str:
    """Return a person's name or a role as it is kept and compared: NFC, single blanks.

    Raises:
        UsageError: empty, too long, or with a character that is not shown.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(f"a name or role is 1 to {MAX_NAME} printable characters")
    return name


def moment(text: str) -> datetime:
    """Return the moment of RFC 3339 with Z, or a date's midnight in UTC.

    Raises:
        ValueError: it is neither.
    """
    if "T" not in text:
        return datetime.combine(date.fromisoformat(text), time(0), UTC)
    try:
        return parse(text, what="time")
    except FormatError as error:
        raise ValueError(str(error)) from None


def _require_period(period: Period, what: str) -> None:
    if period.ends is not None and period.ends <= period.begins:
        raise FormatError(what, "ends before it begins")


def _period_of(row: Mapping[str, Any]) -> Period:
    until = row["until"]
    begins = parse(row["from"], what="from")
    return Period(begins, None if until is None else parse(until, what="until"))


def _period_json(period: Period) -> dict[str, str | None]:
    return {"from": format_time(period.begins), "until": _shown(period.ends)}


def _shown(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
