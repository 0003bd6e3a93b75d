# SPDX-License-Identifier: EUPL-1.2
"""What forms do: begin, decide, contest, take back, choose, end. Each leads back to a page."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lakzegel_office import audit
from lakzegel_office.errors import UsageError
from lakzegel_office.review.asked import safe_path
from lakzegel_office.review.desk import Desk
from lakzegel_office.review.gate import COOKIE
from lakzegel_office.review.rendering import CLASSES, page
from lakzegel_office.review.sessions import Flash, Session, Sessions
from lakzegel_office.review.standing import Class
from lakzegel_office.words import text
from lakzegel_web.words import LANGUAGES


def login(sessions: Sessions, request: Request) -> Response:
    """The session's cookie for the token, and the question what somebody comes for."""
    cookie = sessions.exchange(request.query_params.get("token", ""))
    session = sessions.find(cookie) if cookie else None
    if cookie is None or session is None:
        raise UsageError("this address was used, or is too old; start 'lakzegel-office review'")
    request.state.session = session
    answer = page(request, "begin.html", choose=False)
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
    return answer


def begin(desk: Desk, request: Request) -> Response:
    """Keep why somebody is here; it goes into the audit trail with each unit he opens."""
    reason = _field(request, "reason")
    if not reason or len(reason) > audit.MAX_REASON:
        raise UsageError("reason: say in a few words what you came for")
    session = _session(request)
    session.reason = reason
    session.seen.clear()
    desk.trail.record("review", {"session": "begin"}, now=desk.clock(), reason=reason)
    return RedirectResponse("/", 303)


def decide(desk: Desk, request: Request) -> Response:
    """Decide of the units that were chosen, or of a whole conversation."""
    form = request.state.form
    units = _chosen(desk, request)
    to = _class(_field(request, "class"))
    changed = desk.decide(units, to, _field(request, "reason"))
    flash = Flash(
        text("{count} decided: {to}."), {"count": len(changed)}, CLASSES[str(to)][1], _mine(desk)
    )
    if any(desk.book.standing(unit).disputed for unit in changed):
        flash = Flash(text("Your vote is kept; a second person has to agree."), lines=flash.lines)
    _session(request).flash = flash
    return RedirectResponse(safe_path(form.get("back", ["/"])[-1]), 303)


def dispute(desk: Desk, request: Request) -> Response:
    """Contest what the chosen units are."""
    changed = desk.dispute(_chosen(desk, request), _field(request, "reason"))
    words = text("{count} in dispute; two people who agree settle it.")
    _session(request).flash = Flash(words, {"count": len(changed)}, lines=_mine(desk))
    return RedirectResponse(_back(request), 303)


def undo(desk: Desk, request: Request) -> Response:
    """Take back what was decided last, or the lines that are given."""
    given = request.state.form.get("line")
    lines = list(_mine(desk))
    if given is not None:
        if not all(line.isascii() and line.isdigit() and len(line) < 16 for line in given):  # noqa: PLR2004 - digits
            raise UsageError("line: not a number")
        lines = [int(line) for line in given]
    if not lines:
        raise UsageError("there is nothing of yours to take back")
    changed = desk.undo(lines)
    words = text("Taken back; it is about {count}.")
    _session(request).flash = Flash(words, {"count": len(changed)})
    return RedirectResponse(_back(request), 303)


def keys(_desk: Desk, request: Request) -> Response:
    """Turn single keys on or off."""
    session = _session(request)
    session.keys = not session.keys
    return RedirectResponse(_back(request), 303)


def language(_desk: Desk, request: Request) -> Response:
    """Read on in another language."""
    wanted = _field(request, "language")
    if wanted not in LANGUAGES:
        raise UsageError("language: nl or en")
    _session(request).language = wanted
    return RedirectResponse(_back(request), 303)


def end(stop: Callable[[], None], sessions: Sessions) -> Callable[[Desk, Request], Response]:
    """Return what ends the session, and the program with it."""

    def ending(desk: Desk, request: Request) -> Response:
        reason = _session(request).reason
        desk.trail.record("review", {"session": "end"}, now=desk.clock(), reason=reason)
        answer = page(request, "ended.html")
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        sessions.end()
        stop()
        return answer

    return ending


def _mine(desk: Desk) -> tuple[int, ...]:
    """Return the lines of what this person did last."""
    return tuple(act.line for act in desk.book.last_of(desk.actor))


def _chosen(desk: Desk, request: Request) -> list[str]:
    whole = _field(request, "conversation")
    found = list(request.state.form.get("unit", ()))
    if whole:
        found += desk.of_conversation(whole)
    if not found:
        raise UsageError("choose at least one first")
    return found


def _class(value: str) -> Class:
    try:
        return Class(value)
    except ValueError:
        raise UsageError("class: not one of these") from None


def _back(request: Request) -> str:
    return safe_path(_field(request, "back") or "/")


def _field(request: Request, name: str) -> str:
    return str(request.state.form.get(name, [""])[-1]).strip()


def _session(request: Request) -> Session:
    found: Session = request.state.session
    return found
