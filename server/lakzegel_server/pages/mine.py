# SPDX-License-Identifier: EUPL-1.2
"""A person's own page: what was taken of his device when, by which policy; no content.

Whoever has the link sees it; there is no login (docs/spec/dashboard.md §9).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lakzegel_core.policy import Policy
from lakzegel_server import links
from lakzegel_server.database import Database
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError, TooManyError
from lakzegel_server.fleet.absence import absent_until
from lakzegel_server.fleet.model import Condition, Readout
from lakzegel_server.pages import sources
from lakzegel_server.pages.conditions import CONDITIONS
from lakzegel_server.pages.coverage import calendar
from lakzegel_server.pages.device import STATES, guards_of, span_of
from lakzegel_server.pages.language import text
from lakzegel_server.pages.rendering import timed_page
from lakzegel_server.people.records import Action, Event, Thing, Who
from lakzegel_server.web.identity import asked
from lakzegel_server.web.origin import require_same_origin, sender

KINDS: Final = (  # what the kind of a source begins with, in plain words
    ("ios-backup", text("phone, by its backup on a host")),
    ("android-backup", text("phone, by its backup on a host")),
    ("signal", text("Signal")),
    ("whatsapp", text("WhatsApp")),
    ("telegram", text("Telegram")),
    ("threema", text("Threema")),
    ("imessage", text("Messages")),
    ("social", text("social media")),
    ("folder", text("folder")),
    *((name, text("e-mail")) for name in ("eml", "emlx", "maildir", "mbox", "msg", "pst")),
)
OTHER: Final = text("another source")
RELEASES: Final = {
    "held": text("only once the records office holds it and could open it"),
    "sealed": text("once it is sealed by this receiver and its witnesses"),
}


async def mine(desk: Desk, request: Request) -> Response:
    """The page of a link.

    Raises:
        MissingError: the link opens nothing.
        TooManyError: and neither did many others from there.
    """
    found = await _find(desk, request)
    device, now = found.device, desk.fleet.now()
    health = await desk.workers.run(sources.device_of, desk, device, now)
    timeline = await desk.workers.run(sources.timeline_of, desk, device, now)
    span = span_of(health, timeline.epochs) if timeline and health else None
    policy = await desk.workers.run(policy_of, desk, device)
    return timed_page(
        desk,
        request,
        "mine.html",
        now,
        link=found,
        health=health,
        absent=absent_until(health.away, now) if health else None,
        said=CONDITIONS[health.condition if health else Condition.EXPECTED],
        weeks=calendar(timeline.days, span, now) if timeline and span else (),
        policy=policy,
        excluded=policy is not None and device in policy.annexes,
        kind_of=kind_of,
        releases=RELEASES,
        next_readout=next_of(health.readouts) if health else None,
        guards=guards_of(health.guards) if health else [],
        states=STATES,
        acknowledged=await asked(desk, links.acknowledged, desk.accounts, device),
    )


async def acknowledge(desk: Desk, request: Request) -> Response:
    """Back to the page, once it is kept that the notice was read.

    Raises:
        MissingError: the link opens nothing.
        TooManyError: and neither did many others from there.
        ForgeryError: another site sent this.
    """
    require_same_origin(desk.settings.web, request)
    found = await _find(desk, request)
    await desk.workers.run(_keep, desk, found)
    return RedirectResponse(f"{request.url.path}#notice", HTTPStatus.SEE_OTHER)


def policy_of(desk: Desk, device: str) -> Policy | None:
    """The policy that the device is to follow."""
    with desk.log.looking() as custody:
        entry = custody.policy_for(device)
    return None if entry is None else entry.policy


def kind_of(kind: str) -> str:
    """A source's kind in plain words."""
    return next((said for name, said in KINDS if kind.startswith(name)), OTHER)


def next_of(readouts: tuple[Readout, ...]) -> Readout | None:
    """The read-out that is due first."""
    return min(readouts, key=lambda one: one.due, default=None)


async def _find(desk: Desk, request: Request) -> links.Link:
    name, now = str(request.path_params["name"]), desk.fleet.now()
    found = await asked(desk, links.find, desk.accounts, name, now)
    if found is None:
        _count_wrong(desk, request)
        raise MissingError(text("this link leads nowhere, or not any more; ask who gave it to you"))
    return found


def _count_wrong(desk: Desk, request: Request) -> None:
    """One more link that opens nothing, from there.

    Raises:
        TooManyError: somebody guesses; the trail says from where.
    """
    address = sender(desk.settings.web, request)
    try:
        desk.limits.wrong_link(address)
    except TooManyError as error:
        guess = Event(Who(address=address), Action.ASK, Thing.ROUTE, id="/mine")
        desk.trail.count(guess.refused(error.code))
        raise


def _keep(desk: Desk, link: links.Link) -> None:
    database = Database.open(desk.layout.database)
    try:
        links.acknowledge(database, link, desk.fleet.now())
    finally:
        database.close()
