# SPDX-License-Identifier: EUPL-1.2
"""`/publish`: what others signed, brought by an administrator's browser (people.md §10)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.errors import FormatError
from lakzegel_server.accounts import AccountRole
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MisplacedError
from lakzegel_server.pages.rendering import page
from lakzegel_server.sealable import note_kind
from lakzegel_server.web.forms import Form
from lakzegel_server.web.notes import publish, roles_of
from lakzegel_server.words import text

FIELD: Final = "note"


async def get_publish(_desk: Desk, request: Request) -> Response:
    """The form."""
    return page(request, "publish.html", kind="", index=0)


async def post_publish(desk: Desk, request: Request) -> Response:
    """What became of the file: which entry of the log it is now.

    Raises:
        FormatError: there is no file, or it is no note.
        MisplacedError: not for an administrator to bring.
        LakzegelError: the log refuses it.
    """
    form: Form = request.state.form
    data = form.files.get(FIELD, b"")
    if not data:
        raise FormatError("form", text("no file was chosen"))
    kind = note_kind(data)
    if AccountRole.ADMIN not in roles_of(kind):
        raise MisplacedError(text("a device brings this itself, at /v1/notes"))
    index = await publish(desk, request, data, kind)
    return page(request, "publish.html", kind=kind, index=index)
