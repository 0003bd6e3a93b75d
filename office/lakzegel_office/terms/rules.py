# SPDX-License-Identifier: EUPL-1.2
"""What has to be so between the terms of one office (docs/spec/terms.md §2)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from lakzegel_core.encoding import format_time
from lakzegel_office.errors import UsageError
from lakzegel_office.terms.model import Post, PostKind, Term


def require_consistent(new: Term, others: Iterable[Term], *, double: bool) -> None:
    """Return when a new state of a term fits with all others.

    Args:
        new: the term as it is to become.
        others: the newest state of every other custody's.
        double: whether it was said that somebody has two posts at a time.

    Raises:
        UsageError: what does not fit, and what to do.
    """
    rest = [term for term in others if term.custody != new.custody]
    for term in rest:
        _require_devices_apart(new, term)
        if term.person != new.person:
            _require_posts_apart(new, term)
    own = [(post, new) for post in new.posts]
    own += [(post, term) for term in rest if term.person == new.person for post in term.posts]
    if not double:
        _require_single(own, new)


def gaps(terms: Sequence[Term]) -> Iterator[str]:
    """Yield a line for each role that nobody held for a while."""
    posts = sorted((p for term in terms for p in term.posts), key=lambda p: p.period.begins)
    for role in sorted({post.role for post in posts}):
        held = [post.period for post in posts if post.role == role]
        reached = held[0].ends
        for _, period in pairwise(held):
            if reached is not None and reached < period.begins:
                yield f"{role}: nobody from {format_time(reached)} to {format_time(period.begins)}"
            ends = None if reached is None or period.ends is None else max(reached, period.ends)
            reached = ends


def _require_devices_apart(new: Term, term: Term) -> None:
    for device in sorted(set(new.devices) & set(term.devices)):
        raise UsageError(
            f"device {device}: is in custody {term.custody}; a device is in one for ever:"
            " admit the successor's under another name"
        )


def _require_posts_apart(new: Term, term: Term) -> None:
    for post in new.posts:
        for other in term.posts:
            acting = PostKind.ACTING in {post.kind, other.kind}
            if post.role == other.role and post.period.overlaps(other.period) and not acting:
                raise UsageError(
                    f"{post.role}: overlaps with custody {term.custody}, of another person, from"
                    f" {format_time(other.period.begins)}; end that first, or say --acting"
                )


def _require_single(own: Sequence[tuple[Post, Term]], new: Term) -> None:
    for number, (post, _) in enumerate(own):
        for other, term in own[number + 1 :]:
            if post.period.overlaps(other.period):
                where = "this custody" if term.custody == new.custody else f"custody {term.custody}"
                raise UsageError(
                    f"{post.role}: the same person is {other.role} in {where} at that time;"
                    " say --double-post if that is so"
                )
