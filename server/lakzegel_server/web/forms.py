# SPDX-License-Identifier: EUPL-1.2
"""What a browser's form holds, within limits (docs/spec/people.md §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from lakzegel_core.errors import FormatError
from lakzegel_server.web.requests import read_body
from lakzegel_server.words import text

MAX_FORM: Final = 2**17  # bytes: a note of 64 KiB, and what a browser puts around it
MAX_FIELDS: Final = 16
MAX_FILES: Final = 1
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """The fields of a form, each once, and its files; a file's name is not kept."""

    fields: dict[str, str]
    files: dict[str, bytes]

    def __getitem__(self, name: str) -> str:
        """What was typed; nothing where the field is not there."""
        return self.fields.get(name, "")


async def read_form(request: Request) -> Form:
    """The form that a request carries.

    Raises:
        LimitError: it is too large.
        FormatError: it is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {URLENCODED, MULTIPART}:
        raise FormatError("form", text("neither urlencoded nor multipart/form-data"))
    body = await read_body(request, MAX_FORM)
    if kind == MULTIPART and not body.rstrip(b"\r\n").endswith(b"--"):
        raise FormatError("form", text("breaks off"))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        parsing = Request(request.scope, receive).form(
            max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FORM
        )
        async with parsing as parts:
            fields, files = {}, {}
            for name, part in parts.multi_items():
                if name in fields or name in files:
                    raise FormatError("form", text("a field comes twice"))
                if isinstance(part, UploadFile):
                    files[name] = await part.read()
                else:
                    fields[name] = part
    except (HTTPException, UnicodeError, ValueError):
        raise FormatError("form", text("cannot be read")) from None
    return Form(fields, files)
