# SPDX-License-Identifier: EUPL-1.2
"""What a folder's `.msf` file says of the folder itself: one row of a Mork database.

    // <!-- <mdb:mork:z v="1.4"/> -->
    < <(a=c)> (B1=retainBy)(9F=ns:msg:db:row:scope:dbfolderinfo:all)>   names of columns
    <(80=1e)>                                                           values
    {1:^9F {(k^A0:c)(s=9u)} [1(^B1=2)(^B2^80)]}                         a table of rows
    @$${3{@ [1:^9F(^B1=1)] @$$}3}@                                      what came later, by groups

Only what is needed for that row is understood of it; a byte that is none of it, or a group that is
not finished, and nothing is. docs/spec/settings-guarded.md, thunderbird-folders §2
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD, PlaceError

HEAD: Final = b'// <!-- <mdb:mork:z v="1.4"/> -->'
_SCOPE: Final = b"ns:msg:db:row:scope:dbfolderinfo:all"
_TOKEN: Final = re.compile(  # time is linear: nothing in it goes back
    rb"(?s:[ \t\r\n\f]{1,65536}+|//[^\r\n]{0,65536}+"
    rb"|(?P<group>@\$\$(?:\{[0-9A-Fa-f]{1,16}\{|\}(?:~abort~)?[0-9A-Fa-f]{1,16}\})@)"
    rb"|\((?P<cell>(?:[^)\\]{1,65536}+|\\.){0,65536}+)\)"
    rb"|(?P<mark>[<>\[\]{}])"
    rb"|(?P<id>-?[0-9A-Fa-f]{1,16}+(?::\^?[0-9A-Za-z_:]{1,64}+)?))"
)
_CELL: Final = re.compile(
    rb"(?s:\^(?P<column>[0-9A-Fa-f]{1,8})(?:\^(?P<atom>[0-9A-Fa-f]{1,8})|=(?P<plain>.*)))"
)
_WITHIN: Final = {b"": b"<[{", b"<": b"<", b"{": b"[{", b"{{": b"["}  # what may begin in what
_CLOSED_BY: Final = {b"<": b">", b"[": b"]", b"{": b"}"}


def folder_info(data: bytes) -> dict[str, str]:
    """Return the columns of a folder's own row.

    Raises:
        PlaceError: ``not-understood``; also where that row is not there.
    """
    if not data.startswith(HEAD):
        raise PlaceError(NOT_UNDERSTOOD)
    reader = _Reader()
    at = 0
    while at < len(data):
        match = _TOKEN.match(data, at)
        if match is None:
            raise PlaceError(NOT_UNDERSTOOD)
        at = match.end()
        if match.lastgroup is not None:
            reader.take(match.lastgroup, match[match.lastgroup])
    return reader.finish()


class _Reader:
    """Keeps the row while tokens come in."""

    def __init__(self) -> None:
        self._columns: dict[bytes, bytes] = {}
        self._atoms: dict[bytes, bytes] = {}
        self._open: list[bytes] = []  # the brackets that are open
        self._of_columns = False  # whether the dictionary that is open names columns
        self._table = b""  # the scope of the table that is open
        self._row: tuple[bool, bytes] | None = None  # whether it begins anew, and its scope
        self._cells: list[bytes] = []
        self._in_group = False
        self._waiting: list[tuple[bool, list[bytes]]] = []
        self._found: dict[str, str] | None = None

    def take(self, kind: str, token: bytes) -> None:
        """Take one token."""
        if kind == "mark":
            self._take_mark(token)
        elif kind == "cell":
            self._take_cell(token)
        elif kind == "id":
            self._take_id(token)
        else:
            self._take_group(token)

    def finish(self) -> dict[str, str]:
        """Return the row, once nothing is open any more."""
        if self._open or self._in_group or self._found is None:
            raise PlaceError(NOT_UNDERSTOOD)
        return self._found

    def _take_mark(self, mark: bytes) -> None:
        if mark in _CLOSED_BY:
            self._begin(mark)
            return
        if not self._open or _CLOSED_BY[self._open.pop()] != mark:
            raise PlaceError(NOT_UNDERSTOOD)
        if mark == b"]":
            self._end_row()

    def _begin(self, mark: bytes) -> None:
        if mark not in _WITHIN.get(b"".join(self._open), b""):
            raise PlaceError(NOT_UNDERSTOOD)
        if mark == b"[":
            self._row, self._cells = None, []
        elif not self._open:
            self._of_columns, self._table = False, b""
        self._open.append(mark)

    def _take_id(self, token: bytes) -> None:
        within = self._open[-1] if self._open else b""
        scope = token.partition(b":")[2].removeprefix(b"^")
        if within == b"[" and self._row is None:
            self._row = (token.startswith(b"-"), scope or self._table)
        elif within == b"{" and len(self._open) == 1:
            self._table = self._table or scope  # first the table's own, then rows by their number
        elif self._open != [b"{", b"{"]:  # what a table says of itself
            raise PlaceError(NOT_UNDERSTOOD)

    def _take_cell(self, cell: bytes) -> None:
        within = self._open[-1] if self._open else b""
        if within == b"<" and len(self._open) > 1:
            self._of_columns |= cell == b"a=c"
        elif within == b"<":
            id_, equals, value = cell.partition(b"=")
            if not equals:
                raise PlaceError(NOT_UNDERSTOOD)
            (self._columns if self._of_columns else self._atoms)[id_.upper()] = value
        elif within == b"[":
            self._cells.append(cell)
        elif within != b"{":
            raise PlaceError(NOT_UNDERSTOOD)

    def _take_group(self, token: bytes) -> None:
        begins = token.startswith(b"@$${")
        if self._open or begins == self._in_group:
            raise PlaceError(NOT_UNDERSTOOD)
        if not begins and b"~abort~" not in token:
            for anew, cells in self._waiting:
                self._apply(cells, anew=anew)
        self._waiting = []
        self._in_group = begins

    def _end_row(self) -> None:
        if self._row is None:
            raise PlaceError(NOT_UNDERSTOOD)
        anew, scope = self._row
        if self._columns.get(scope.upper(), scope) != _SCOPE:
            return
        if self._in_group:
            self._waiting.append((anew, self._cells))
        else:
            self._apply(self._cells, anew=anew)

    def _apply(self, cells: list[bytes], *, anew: bool) -> None:
        if self._found is None or anew:
            self._found = {}
        for cell in cells:
            match = _CELL.fullmatch(cell)
            column = self._columns.get(match["column"].upper()) if match else None
            if match is None or column is None:
                raise PlaceError(NOT_UNDERSTOOD)
            value = match["plain"]
            if match["atom"] is not None:
                value = self._atoms.get(match["atom"].upper())
            if value is None:
                raise PlaceError(NOT_UNDERSTOOD)
            self._found[column.decode("latin-1")] = value.decode("latin-1")
