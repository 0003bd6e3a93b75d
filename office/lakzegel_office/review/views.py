# SPDX-License-Identifier: EUPL-1.2
"""The pages that show: the overview, lists, a conversation, one unit and its parts."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lakzegel_office.collection.model import Body, Query
from lakzegel_office.errors import UsageError
from lakzegel_office.review import hypertext, visible
from lakzegel_office.review.asked import asked
from lakzegel_office.review.desk import MAX_SHOWN, Desk, Shown, is_picture, name_of
from lakzegel_office.review.listing import COUNTED, PAGE, THREADS, Order, Wanted
from lakzegel_office.review.rendering import page
from lakzegel_office.review.sessions import Flash
from lakzegel_office.words import read_words, text
from lakzegel_web.words import Said

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._ ()\[\]@+,=-]")
_MAX_NAME: Final = 120
_FILES: Final = 100  # of one message, there
_ALIKE: Final = 5  # units with the same text that are shown beside one
_TURN: Final = 40  # units of a conversation on a page
PICTURE_POLICY: Final = "default-src 'none'; sandbox"


def overview(desk: Desk, request: Request) -> Response:
    """How far the review is, and what is due first."""
    rows = desk.units(Wanted(state="open"), 10)
    weeks, days = divmod(desk.settings.window.days, 7)
    return page(
        request,
        "overview.html",
        progress=desk.progress(),
        rows=rows,
        window=(weeks, days),
        windows=desk.settings.windows,
    )


def units(desk: Desk, request: Request) -> Response:
    """A list of units."""
    wish = asked(request.query_params)
    rows = desk.units(wish.wanted)
    first, more = not wish.wanted.after, len(rows) == PAGE
    return page(
        request,
        "units.html",
        rows=rows,
        asked=wish,
        total=len(rows) if first and not more else desk.listing.count(wish.wanted, desk.now),
        counted=COUNTED,
        choices=desk.listing.choices(),
        more=wish.with_(after=rows[-1].unit.id) if more else None,
        first=first,
        list=urlencode(wish.fields),
    )


def conversations(desk: Desk, request: Request) -> Response:
    """A list of conversations."""
    wish = asked(request.query_params)
    rows = desk.threads(wish.wanted)
    last = rows[-1].conversation.id if len(rows) == THREADS else ""
    return page(
        request,
        "conversations.html",
        rows=rows,
        asked=wish,
        choices=desk.listing.choices(),
        more=wish.with_(after=last) if last else None,
        first=not wish.wanted.after,
    )


def conversation(desk: Desk, request: Request) -> Response:
    """A conversation as people had it, a page of it opened."""
    name = request.path_params["name"]
    found = desk.collection.conversation(name)
    after = request.query_params.get("after", "")
    query = Query(conversation=name)
    rows = desk.units(Wanted(query, order=Order.OLDEST, after=after), _TURN)
    shown = desk.open(request.state.session, rows)
    states: dict[str, int] = {}
    for row in desk.listing.db.execute(
        "SELECT t.state, count(*) FROM temp.todo t JOIN conversation c ON c.id = t.conversation"
        " WHERE c.name = ? GROUP BY 1",
        (name,),
    ):
        states[row[0]] = row[1]
    return page(
        request,
        "conversation.html",
        found=found,
        shown=shown,
        states=states,
        same=desk.collection.maybe_same(name),
        is_picture=is_picture,
        max_shown=4_000,
        max_files=_FILES,
        more=rows[-1].unit.id if len(rows) == _TURN else "",
        first=not after,
    )


def unit(desk: Desk, request: Request) -> Response:
    """One unit, opened, with what was decided of it."""
    name = request.path_params["name"]
    wish = asked(request.query_params)
    row = desk.row(name)
    (shown,) = desk.open(request.state.session, [row])
    standing = desk.book.standing(name)
    neighbours, alike = desk.collection.beside([name])
    some = Wanted(Query(ids=alike[:_ALIKE]))  # what came or went meanwhile is in no list here
    return page(
        request,
        "unit.html",
        shown=shown,
        title=name_of(row.unit),
        standing=standing,
        history=[(type(act).__name__, act, undone) for act, undone in desk.book.history(name)],
        proposal=desk.proposals.of(name),
        places=desk.collection.places(name),
        beside=len(neighbours),
        alike=desk.units(some) if alike else [],
        more_alike=max(0, len(alike) - _ALIKE),
        pictures=desk.pictures(shown),
        max_shown=MAX_SHOWN,
        list=urlencode(wish.fields),
        following=desk.next_after(wish.wanted, name) if wish.fields else None,
        found=desk.collection.conversation(row.unit.conversation),
    )


def following(desk: Desk, request: Request) -> Response:
    """Lead on to the next unit of a list, or to the list where it ends."""
    wish = asked(request.query_params)
    fields = urlencode(wish.fields)
    found = desk.next_after(wish.wanted, wish.wanted.after)
    if found is None:
        request.state.session.flash = Flash(text("This list is done."))
        return RedirectResponse("/", 303)
    return RedirectResponse(f"/units/{found}?{fields}", 303)


def frame(desk: Desk, request: Request) -> Response:
    """A mail's HTML, cleaned, for the sandboxed frame alone."""
    name = request.path_params["name"]
    session = request.state.session
    (shown,) = desk.open(session, [desk.row(name)])
    body = _body(shown)
    said = Said(read_words(session.language))
    text_ = hypertext.document(
        body.html,
        desk.named_pictures(body).get,
        left_out=said(text("picture left out")),
        lang=session.language,
    )
    return HTMLResponse(text_, headers={"Content-Security-Policy": hypertext.POLICY})


def picture(desk: Desk, request: Request) -> Response:
    """A picture that a message shows, of the type that its bytes have."""
    name, number = request.path_params["name"], request.path_params["number"]
    kind, data = desk.picture(request.state.session, name, number)
    return Response(data, headers={"Content-Security-Policy": PICTURE_POLICY}, media_type=kind)


def attachment(desk: Desk, request: Request) -> Response:
    """An attachment, to be kept and not shown."""
    name, number = request.path_params["name"], request.path_params["number"]
    found, data = desk.attachment(request.state.session, name, number)
    return _download(data, found.name or f"bijlage-{number}")


def raw(desk: Desk, request: Request) -> Response:
    """A unit's bytes as they were captured, to be kept and not shown."""
    name = request.path_params["name"]
    return _download(desk.raw(request.state.session, name), f"{name}.bin")


def _body(shown: Shown) -> Body:
    if shown.body is None:
        raise shown.fault or UsageError("cannot be opened")
    return shown.body


def _download(data: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{safe_name(name)}"',
        "Content-Security-Policy": PICTURE_POLICY,
    }
    return Response(data, headers=headers, media_type="application/octet-stream")


def safe_name(name: str) -> str:
    """Return a name that is a file's and nothing else, on any system: no folder, no hidden file."""
    leaf = re.split(r"[/\\:]", visible.plain(name))[-1]
    clean = _UNSAFE.sub("_", leaf).strip(". ")
    stem, dot, end = clean.rpartition(".")
    short = f"{stem[: _MAX_NAME - 12]}{dot}{end[:10]}" if dot else clean[:_MAX_NAME]
    return quote(short, safe=" ()[]@+,=") or "bijlage"
