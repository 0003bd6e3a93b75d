# SPDX-License-Identifier: EUPL-1.2
"""`review.toml`: the window, whose addresses are the owner's, and the agreed contacts.

docs/spec/review.md §3.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.units import parse_duration
from lakzegel_office.errors import UsageError
from lakzegel_office.regular import open_followed
from lakzegel_office.review.standing import Class

NAME: Final = "review.toml"
TEN_WEEKS: Final = timedelta(weeks=10)  # the government's own term for e-mail
MAX_FILE: Final = 4 << 20  # bytes of either file
MAX_CONTACTS: Final = 20_000
_KINDS: Final = ("mailto:", "tel:", "id:", "@")
_FIELDS: Final = ("class", "address", "note")


@dataclass(frozen=True, slots=True)
class Contact:
    """A party, or everybody of a domain, of which a class was agreed."""

    class_: Class
    address: str
    note: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What an office agreed on for its review."""

    window: timedelta = TEN_WEEKS
    windows: Mapping[str, timedelta] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()


def read_settings(home: Path) -> Settings:
    """Return the settings of an office, the defaults where it has none.

    Raises:
        UsageError: a file cannot be read, or says what it may not.
    """
    path = home / NAME
    try:
        table = tomllib.loads(_text(path))
        return _settings(table, home)
    except FileNotFoundError:
        return Settings()
    except (ValueError, TypeError, LakzegelError) as error:
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error


def _settings(table: Mapping[str, object], home: Path) -> Settings:
    known = {"window", "windows", "own", "contacts", "contact"}
    if unknown := sorted(set(table) - known):
        raise ValueError(f"unknown key {unknown[0]}")
    windows = table.get("windows", {})
    rows = table.get("contact", [])
    own = table.get("own", [])
    if not isinstance(windows, dict) or not isinstance(rows, list) or not isinstance(own, list):
        raise TypeError("windows is a table, contact and own are lists")
    contacts = [_contact(row) for row in rows]
    if (beside := table.get("contacts")) is not None:
        contacts += _listed(home, str(beside))
    if len(contacts) > MAX_CONTACTS:
        raise ValueError(f"more than {MAX_CONTACTS} contacts")
    return Settings(
        _duration(table.get("window", "70d"), "window"),
        {app: _duration(value, f"windows.{app}") for app, value in windows.items()},
        tuple(_address(text) for text in own),
        tuple(contacts),
    )


def _listed(home: Path, name: str) -> Iterator[Contact]:
    if Path(name).name != name:
        raise ValueError(f"contacts: {name!r} is not the name of a file beside {NAME}")
    try:
        lines = _text(home / name).splitlines()
    except FileNotFoundError:
        raise ValueError(f"contacts: {name} is not there") from None
    reader = csv.DictReader(lines)
    if set(reader.fieldnames or ()) - set(_FIELDS):
        raise ValueError(f"{name}: the first line is {','.join(_FIELDS)}")
    for number, row in enumerate(reader, 2):
        try:
            yield _contact({key: value or "" for key, value in row.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{name}: line {number}: {error}") from error


def _contact(row: object) -> Contact:
    if not isinstance(row, dict) or not set(row) <= set(_FIELDS):
        raise TypeError(f"a contact has {', '.join(_FIELDS)}")
    class_ = Class(str(row.get("class")))
    if class_ is Class.OPEN:
        raise ValueError("a contact's class is zakelijk, prive or partij")
    return Contact(class_, _address(row.get("address")), str(row.get("note", "")).strip())


def _address(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an address is a text")
    text = value.strip().lower()
    if not text.startswith(_KINDS) or text in _KINDS:
        raise ValueError("an address begins with mailto:, tel:, id: or, a whole domain, @")
    return text


def _duration(value: object, what: str) -> timedelta:
    if not isinstance(value, str):
        raise TypeError(f'{what}: a text such as "70d"')
    return timedelta(seconds=parse_duration(value, what=what))


def _text(path: Path) -> str:
    with open_followed(path) as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"larger than {MAX_FILE} bytes")
    return data.decode("utf-8-sig")
