# SPDX-License-Identifier: EUPL-1.2
"""Every route, and who may use it; docs/spec/openapi.yaml says the same (docs/spec/http.md §1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.pages import assets, fleet, inforce, language, mine, problems, receiver
from lakzegel_server.pages import device as device_page
from lakzegel_server.pages import trail as trail_page
from lakzegel_server.people.records import Action, Thing
from lakzegel_server.web import (
    annexes,
    batches,
    device,
    heartbeats,
    keyrings,
    log,
    login,
    notes,
    publishing,
    signon,
    trail,
    vitals,
    witness,
)
from lakzegel_server.web.requests import Handler
from lakzegel_server.web.timestamps import get_timestamp, list_timestamps

_ALL: Final = tuple(AccountRole)
_IT: Final = (AccountRole.IT,)
_SIGNED: Final = (AccountRole.RECORDS, AccountRole.ADMIN, AccountRole.AUDIT)
_RECORDS: Final = (AccountRole.RECORDS,)
_ADMIN: Final = (AccountRole.ADMIN,)
_AUDIT: Final = (AccountRole.AUDIT,)
_MIRROR: Final = (AccountRole.RECORDS, AccountRole.AUDIT)


@dataclass(frozen=True, slots=True)
class Rule:
    """One method of one path. No roles: no login, the handler says what proves the sender.

    ``newest``: only the newest log may answer this (docs/spec/recovery.md §2).
    ``instead``: whether a sender has another credential that is as good here as a role.
    """

    method: str
    path: str
    handler: Handler
    roles: tuple[AccountRole, ...] = ()
    newest: bool = False
    page: bool = False  # a person looks at it: refusals are pages, and no login leads to /login
    form: bool = False  # it takes a form, which is in `request.state.form`
    instead: Callable[[Desk, Request], bool] | None = None
    told: tuple[Action, Thing] | None = None  # what the trail says of a success (people.md §8)


_OUT: Final = Action.HAND_OUT
_RECORD: Final = (Action.READ, Thing.RECORD)
RULES: Final = (
    Rule("GET", "/log/checkpoint", log.checkpoint, newest=True),
    Rule(
        "GET",
        "/log/tile/entries/{tile:path}",
        log.entry_bundle,
        (AccountRole.RECORDS, AccountRole.AUDIT),
        told=(_OUT, Thing.ENTRIES),
    ),
    Rule("GET", "/log/tile/{tile:path}", log.hash_tile),
    Rule("GET", "/v1/wait", log.wait, (AccountRole.RECORDS, AccountRole.AUDIT), newest=True),
    Rule("GET", "/v1/health", log.health),
    Rule("GET", "/healthz", vitals.healthz),
    Rule("GET", "/metrics", vitals.metrics, (AccountRole.IT,), instead=vitals.may_scrape),
    Rule("PUT", "/v1/batches/{name}", batches.put_batch, newest=True),
    Rule("GET", "/v1/batches/{name}", batches.get_batch, _RECORDS, told=(_OUT, Thing.BATCH)),
    Rule("GET", "/v1/keyrings/{name}", batches.get_keyring, _RECORDS, told=(_OUT, Thing.KEYRING)),
    Rule("POST", "/v1/keyrings/{name}", keyrings.post_keyring, _RECORDS, newest=True),
    Rule(
        "PUT",
        "/v1/annexes/{name}",
        annexes.put_annex,
        _RECORDS,
        newest=True,
        told=(Action.STORE, Thing.ANNEX),
    ),
    Rule("GET", "/v1/annexes/{name}", annexes.get_annex, _RECORDS, told=(_OUT, Thing.ANNEX)),
    Rule("POST", "/v1/notes", notes.post_note, newest=True),
    Rule("POST", "/v1/cosignatures", witness.post_cosignature),  # heard in any case
    Rule("POST", "/v1/held", witness.post_held, newest=True),
    Rule("GET", "/v1/held", witness.get_held),
    Rule("POST", "/v1/device", device.post_device, newest=True),
    Rule("GET", "/static/{name:path}", assets.static),
    Rule("GET", "/language/{name}", language.choose),
    Rule("POST", "/v1/heartbeats", heartbeats.post_heartbeat),  # also where nothing is sealed
    Rule("GET", "/login", login.get_login, page=True),
    Rule("POST", "/login", login.post_login, page=True, form=True),
    Rule("GET", "/login/sso", signon.get_sso, page=True),
    Rule("GET", "/login/callback", signon.get_callback, page=True),
    Rule("POST", "/logout", login.post_logout, page=True, form=True),
    Rule("GET", "/", fleet.fleet, _ALL, page=True),
    Rule("GET", "/fleet.csv", fleet.fleet_csv, _IT, page=True),
    Rule("GET", "/devices/{name}", device_page.device, _IT, page=True),
    Rule("GET", "/problems", problems.problems, _IT, page=True),
    Rule("GET", "/runbooks", problems.runbooks, _ALL, page=True),
    Rule("GET", "/in-force", inforce.in_force, _SIGNED, page=True),
    Rule("GET", "/mine/{name}", mine.mine, page=True),
    Rule("POST", "/mine/{name}", mine.acknowledge, page=True, form=True),
    Rule("GET", "/receiver", receiver.receiver, _ALL, page=True),
    Rule("GET", "/publish", publishing.get_publish, _ADMIN, page=True),
    Rule("POST", "/publish", publishing.post_publish, _ADMIN, newest=True, page=True, form=True),
    Rule("GET", "/trail", trail_page.trail, _AUDIT, page=True, told=_RECORD),
    Rule("GET", "/trail.csv", trail_page.trail_csv, _AUDIT, page=True, told=(_OUT, Thing.RECORD)),
    Rule("GET", "/trail/{name}", trail_page.trail_record, _AUDIT, page=True, told=_RECORD),
    Rule("GET", "/v1/trail", trail.list_segments, _AUDIT, told=(Action.READ, Thing.SEGMENT)),
    Rule("GET", "/v1/trail/{name}", trail.get_segment, _AUDIT, told=(Action.READ, Thing.SEGMENT)),
    Rule("GET", "/v1/timestamps", list_timestamps, _MIRROR),
    Rule("GET", "/v1/timestamps/{name}", get_timestamp, _MIRROR),
)
