# SPDX-License-Identifier: EUPL-1.2
"""`/healthz` and `/metrics` (docs/spec/monitoring.md)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.fleet.counts import CODE, CONDITION, read_census
from lakzegel_server.fleet.states import read_conditions
from lakzegel_server.problems import document
from lakzegel_server.vitals.gauges import Families, Fleet, one
from lakzegel_server.vitals.probes import Outcome
from lakzegel_server.web.identity import identify

_NEVER: Final = {"Cache-Control": "no-store"}


async def healthz(desk: Desk, request: Request) -> Response:
    """Whether every test passed; which ones and what they found, for role `it`."""
    await identify(desk, request)
    account = request.state.account
    it = account is not None and account.role is AccountRole.IT
    outcomes = await desk.vitals.probes.outcomes(desk.workers)
    told = {"tests": [_told(outcome) for outcome in outcomes]} if it else {}
    if all(outcome.passed for outcome in outcomes):
        return JSONResponse({"status": "ok", **told}, headers=_NEVER)
    return document(503, "unwell", "a test of this receiver failed", **told)


async def metrics(desk: Desk, _request: Request) -> Response:
    """Counts in the text format of Prometheus."""
    gauges = desk.vitals.gauges
    gauges.fleet = partial(read, desk)
    gauges.others = partial(others, desk, gauges.clock)
    data = await desk.workers.run(generate_latest, desk.vitals.registry)
    return Response(data, media_type=CONTENT_TYPE_PLAIN_0_0_4, headers=_NEVER)


def read(desk: Desk) -> Fleet:
    """How the fleet fares, of what is counted; each device where the settings want that."""
    desk.fleet.refresh(desk.fleet.now())
    with desk.fleet.reading() as connection:
        census = read_census(connection, CONDITION, CODE)
        wanted = desk.vitals.gauges.devices
        devices = read_conditions(connection) if wanted else []
    return Fleet(census.conditions, census.codes, devices)


def others(desk: Desk, clock: Callable[[], float]) -> Families:
    """How long ago each witness cosigned, and each authority stamped; none that never did."""
    cosigned = GaugeMetricFamily(
        "lakzegel_witness_age_seconds", "Since a witness cosigned", labels=["witness"]
    )
    for witness in desk.witnesses.states():
        if witness.last_success is not None:
            cosigned.add_metric([witness.name], max(0.0, clock() - witness.last_success))
    yield cosigned
    stamped = GaugeMetricFamily(
        "lakzegel_timestamp_age_seconds", "Since an authority stamped", labels=["authority"]
    )
    for authority in desk.timestamps.states():
        if authority.at is not None:
            stamped.add_metric([authority.name], max(0.0, clock() - authority.at))
    yield stamped
    yield from _around(desk, clock())


def _around(desk: Desk, now: float) -> Families:
    """What this receiver depends on: its own certificate, and that the office comes."""
    found = desk.certificate.state()
    if found is not None:
        left = found.ends.timestamp() - now
        yield one("certificate_seconds", "Until this receiver's certificate ends", left)
        yield one("certificate_unread", "Whether another lies in its file", found.unread)
    visit = desk.visits.last
    if visit.came:
        age = max(0.0, now - visit.at)
        yield one("office_age_seconds", "Since the records office last fetched", age)


def may_scrape(desk: Desk, request: Request) -> bool:
    """Whether the sender has the scrape token, which is as good as role `it` for metrics."""
    token = desk.vitals.scrape_token
    login = request.headers.get("authorization", "")
    wanted = f"Bearer {token}".encode()
    return token is not None and hmac.compare_digest(login.encode("latin-1", "replace"), wanted)


def _told(outcome: Outcome) -> dict[str, object]:
    return {"name": outcome.name, "passed": outcome.passed, "detail": outcome.detail}
