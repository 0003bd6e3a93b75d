# SPDX-License-Identifier: EUPL-1.2
"""`term`: terms of office; whose a custody is, from when until when (docs/spec/terms.md)."""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import FormatError
from lakzegel_core.fields import slug
from lakzegel_office import durable
from lakzegel_office.commands import termclose, terminzage
from lakzegel_office.commands.common import Commands, Office, answer, command, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.approving import approval_key
from lakzegel_office.terms.facts import mirrored
from lakzegel_office.terms.model import Period, Post, PostKind, Term, moment, name_of
from lakzegel_office.terms.register import CHANGE, CLOSE, OPEN, Signed, Terms, terms_of
from lakzegel_office.terms.rules import gaps, require_consistent
from lakzegel_office.terms.signing import sign_term

_OPEN = """\
Again for the same custody and person: another post (--double-post where both run), or the day from
which one is caretaker. Have the receiver publish the note.

example: term open --home DIR --custody 2026-bzk --person "A. B. de Vries"
           --role "minister van BZK" --from 2026-07-01 --device laptop-7 term.note
"""


def add(commands: Commands) -> None:
    """Add the command and its own."""
    text = "terms of office: whose a custody is, and how it ends"
    parser = commands.add_parser("term", help=text, description=text)
    own = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_open(own)
    change = command(own, "change", run_change, "end one post of a term, or add devices to it")
    change.add_argument("--custody", required=True, metavar="C")
    change.add_argument("--role", metavar="ROLE", help="the post that ends, with --until")
    change.add_argument("--until", type=moment, metavar="DATE")
    change.add_argument("--device", action="append", default=[], metavar="D")
    change.add_argument("out", type=Path, metavar="OUT", help="the note, for the receiver")
    termclose.add(own)
    terminzage.add(own)
    listed = command(own, "list", run_list, "show every term, and roles that nobody held")
    listed.add_argument("--person", metavar="NAME", help="of this person alone")
    listed.add_argument("--json", action="store_true", help="print it as JSON")
    show = command(own, "show", run_show, "show how one term came to be")
    show.add_argument("--custody", required=True, metavar="C")
    show.add_argument("--note", type=Path, metavar="OUT", help="write its newest note again")
    show.add_argument("--json", action="store_true", help="print it as JSON")


def _add_open(own: Commands) -> None:
    parser = command(own, "open", run_open, "sign that a term begins, or a post in it")
    parser.epilog, parser.formatter_class = _OPEN, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--custody", required=True, metavar="C", help="a-z, 0-9, hyphens")
    parser.add_argument("--person", required=True, metavar="NAME")
    parser.add_argument("--role", required=True, metavar="ROLE", help='"minister van …"')
    parser.add_argument(
        "--from", required=True, dest="begins", type=moment, metavar="DATE", help="or a time, Z"
    )
    parser.add_argument("--until", type=moment, metavar="DATE", help="where the post ends already")
    how = parser.add_mutually_exclusive_group()
    for name, kind, text in (
        ("--caretaker", PostKind.CARETAKER, "demissionary from then on"),
        ("--acting", PostKind.ACTING, "for somebody else"),
    ):
        how.add_argument(name, dest="kind", action="store_const", const=kind, help=text)
    parser.set_defaults(kind=PostKind.FULL)
    parser.add_argument("--double-post", action="store_true", help="two posts at one time")
    parser.add_argument("--device", action="append", default=[], metavar="D")
    parser.add_argument("out", type=Path, metavar="OUT", help="the note, for the receiver")


def run_open(arguments: argparse.Namespace) -> int:
    """Sign a term, or another post of one."""
    office, terms = _begin(arguments)
    person, role = name_of(arguments.person), name_of(arguments.role)
    custody = _slug(arguments.custody)
    post = Post(role, arguments.kind, Period(arguments.begins, arguments.until))
    known = terms.get(custody)
    try:
        if known is None:
            term = Term(custody, person, Period(arguments.begins), (post,), ())
        else:
            _require_own(known, person)
            term = _with_post(known.term, post)
        term = _with_devices(term, arguments.device)
    except FormatError as error:
        raise UsageError(f"--custody {custody}: {error}") from None
    others = [row.term for row in terms.newest()]
    require_consistent(term, others, double=arguments.double_post)
    return _sign(arguments, office, terms, term)


def run_change(arguments: argparse.Namespace) -> int:
    """Sign a changed term."""
    office, terms = _begin(arguments)
    if (arguments.role is None) != (arguments.until is None):
        raise UsageError("--role and --until belong together: the post, and when it ends")
    if arguments.role is None and not arguments.device:
        raise UsageError("nothing to change: give --role and --until, or --device")
    known = terms.require(_slug(arguments.custody))
    _require_own(known, known.term.person)
    term = _with_devices(known.term, arguments.device)
    if arguments.role is not None:
        term = _ending(term, name_of(arguments.role), arguments.until)
    require_consistent(term, [row.term for row in terms.newest()], double=True)
    return _sign(arguments, office, terms, term)


def run_list(arguments: argparse.Namespace) -> int:
    """Print a line a term."""
    terms = terms_of(unlock(arguments))
    rows = terms.newest()
    if arguments.person is not None:
        rows = [row for row in rows if row.term.person == name_of(arguments.person)]
    vacant = [] if arguments.person is not None else list(gaps([row.term for row in rows]))
    if arguments.json:
        answer({"terms": [_row(row) for row in rows], "vacant": vacant})
        return 0
    for row in rows:
        print("\t".join(_parts(row)))
    for line in vacant:
        print(f"note: {line}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print every state of one term."""
    terms = terms_of(unlock(arguments))
    newest = terms.require(arguments.custody)
    if arguments.note is not None:
        durable.write_new(arguments.note, newest.note)
    rows = terms.history(arguments.custody)
    if arguments.json:
        answer([_row(row) for row in rows])
    else:
        for row in rows:
            print(f"{format_time(row.at)}\t{row.act}\t" + "\t".join(_parts(row)))
    return 0


def _begin(arguments: argparse.Namespace) -> tuple[Office, Terms]:
    if arguments.out.exists():
        raise UsageError(f"{arguments.out}: exists; choose another name")
    office = unlock(arguments)
    return office, terms_of(office)


def _sign(arguments: argparse.Namespace, office: Office, terms: Terms, term: Term) -> int:
    replay = mirrored(office)
    key = approval_key(office, replay.custody.require_delegation().approval)
    for device, state in replay.custody.devices.items():
        if device in term.devices and state.custody != term.custody:
            raise UsageError(f"device {device}: was admitted to custody {state.custody}")
    now = datetime.now(UTC).replace(microsecond=0)
    act = OPEN if terms.get(term.custody) is None else CHANGE
    trail_of(office).record(f"term-{act}", {"custody": term.custody}, now=now)
    signed = sign_term(office, terms, term, key=key, now=now, random=os.urandom)
    durable.write_new(arguments.out, signed.note)
    print(f"{arguments.out}: custody {term.custody}, {act}; have the receiver publish it")
    print("the next pull hands its annex to the receiver, encrypted to this office")
    return 0


def _require_own(known: Signed, person: str) -> None:
    custody = known.term.custody
    if known.act == CLOSE:
        raise UsageError(f"--custody {custody}: was closed; nothing is added to it")
    if known.term.person != person:
        raise UsageError(
            f"--custody {custody}: is another person's, for ever; give the successor one of his own"
        )


def _with_post(term: Term, post: Post) -> Term:
    """Return it with one more post; one of the same role that runs ends where this one begins."""
    rows = []
    for old in term.posts:
        runs = old.role == post.role and old.period.overlaps(post.period)
        if runs and old.period.begins < post.period.begins:
            rows.append(replace(old, period=Period(old.period.begins, post.period.begins)))
            ends = old.period.ends if post.period.ends is None else post.period.ends
            post = replace(post, period=Period(post.period.begins, ends))
        else:
            rows.append(old)
    return term.with_posts(*rows, post)


def _ending(term: Term, role: str, until: datetime) -> Term:
    running = [post for post in term.posts if post.role == role and post.period.holds(until)]
    ends = [post for post in running if post.period.begins < until]
    if not ends:
        raise UsageError(f"--role {role}: no such post runs at {format_time(until)}")
    rest = [post for post in term.posts if post not in ends]
    ended = [replace(post, period=Period(post.period.begins, until)) for post in ends]
    return term.with_posts(*rest, *ended)


def _with_devices(term: Term, devices: list[str]) -> Term:
    names = sorted({*term.devices, *(_slug(name) for name in devices)})
    return replace(term, devices=tuple(names))


def _slug(text: str) -> str:
    try:
        return slug(text, what="name")
    except FormatError as error:
        raise UsageError(str(error)) from None


def _row(row: Signed) -> dict[str, Any]:
    return {
        **row.term.to_json(),
        "act": row.act,
        "signed": format_time(row.at),
        "accepted": {one.code: one.reason for one in row.accepted},
    }


def _parts(row: Signed) -> Iterator[str]:
    term = row.term
    until = "…" if term.period.ends is None else format_time(term.period.ends)
    yield term.custody
    yield "closed" if row.act == CLOSE else "open"
    yield f"{format_time(term.period.begins)} .. {until}"
    yield json.dumps(term.person, ensure_ascii=False)
    for post in term.posts:
        ends = "…" if post.period.ends is None else format_time(post.period.ends)
        yield f"{post.role} ({post.kind}, {format_time(post.period.begins)} .. {ends})"
    if term.devices:
        yield ", ".join(term.devices)
