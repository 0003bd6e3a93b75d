# SPDX-License-Identifier: EUPL-1.2
"""What requests leave in the trail (docs/spec/people.md §8)."""

from __future__ import annotations

from starlette.requests import Request

from lakzegel_server.accounts import Account, Way
from lakzegel_server.desk import Desk
from lakzegel_server.errors import DeniedError
from lakzegel_server.people.records import NOTHING, Action, Event, Thing, Who
from lakzegel_server.web.origin import sender

_WITH_ID = frozenset({Action.STORE, Action.READ})


def tell_success(desk: Desk, told: tuple[Action, Thing] | None, request: Request) -> None:
    """Count what was handed out, stored or read."""
    if told is None:
        return
    action, thing = told
    name = request.path_params.get("name", NOTHING) if action in _WITH_ID else NOTHING
    desk.trail.count(Event(who(desk, request), action, thing, id=str(name)))


def tell_denial(desk: Desk, route: str, request: Request, error: DeniedError) -> None:
    """Count a role that asked for what is another's, and a token that nobody has."""
    if error.known:
        event = Event(who(desk, request), Action.ASK, Thing.ROUTE, id=route)
    elif "authorization" in request.headers:
        event = Event(who(desk, request), Action.LOGIN, Thing.SESSION)
    else:
        return
    desk.trail.count(event.refused(error.code))


def who(desk: Desk, request: Request) -> Who:
    """Whose request it is, and from where."""
    account: Account | None = getattr(request.state, "account", None)
    address = sender(desk.settings.web, request)
    if account is None:
        return Who(way=Way.TOKEN.value, address=address)
    return Who.of(account, address)
