# SPDX-License-Identifier: EUPL-1.2
"""`HOME/alarms.toml`: limits, and where alarms go (docs/spec/alarms.md §3)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_office.errors import UsageError
from lakzegel_office.regular import open_followed

NAME: Final = "alarms.toml"
MAX_SIZE: Final = 1 << 16  # bytes
MAX_TO: Final = 20
SECURITY: Final = ("starttls", "tls", "none")
_SPAN: Final = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZE: Final = re.compile(r"(\d{1,9}) (MiB|GiB)")
_FACTOR: Final = {"MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, or how little, before it is an alarm; 0 switches one off."""

    silent: timedelta = timedelta(hours=30)
    anew: timedelta = timedelta(days=7)
    unreachable: timedelta = timedelta(hours=1)
    timestamp: timedelta = timedelta(0)
    disk: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Mail:
    """A relay and who hears of it."""

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    security: str = "starttls"
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A program that is told."""

    url: str
    secret_file: Path
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it; without a file, the limits alone."""

    limits: Limits = Limits()
    mail: Mail | None = None
    webhooks: tuple[Webhook, ...] = field(default=())


def read_settings(path: Path) -> Settings:
    """Return what the file says; the defaults where there is none.

    Raises:
        UsageError: it cannot be read, or something in it is unknown or wrong.
    """
    try:
        with open_followed(path) as file:
            data = file.read(MAX_SIZE)
        return _settings(tomllib.loads(data.decode()))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: not usable: {error}") from error


def _settings(table: Mapping[str, Any]) -> Settings:
    _known(table, {"limits", "mail", "webhook"}, "")
    mail = table.get("mail")
    return Settings(
        _limits(table.get("limits", {})),
        None if mail is None else _mail(mail),
        tuple(_webhook(one) for one in table.get("webhook", [])),
    )


def _limits(table: Mapping[str, Any]) -> Limits:
    _known(table, {one.name for one in fields(Limits)}, "limits.")
    usual = Limits()
    spans = {name: _span(one) for name, one in table.items() if name != "disk"}
    return replace(usual, disk=_size(table["disk"]) if "disk" in table else usual.disk, **spans)


def _mail(table: Mapping[str, Any]) -> Mail:
    _known(table, {one.name for one in fields(Mail)}, "mail.")
    made = Mail(**{**table, "to": tuple(table["to"]), **_paths(table)})
    if made.security not in SECURITY or not 1 <= len(made.to) <= MAX_TO:
        raise ValueError("mail: security is starttls, tls or none, and to has 1 to 20 addresses")
    if made.security == "none" and (made.user or made.host not in {"localhost", "127.0.0.1"}):
        raise ValueError("mail: without TLS only to a relay on this machine, without a login")
    for text in (made.host, made.sender, *made.to):
        _line(text)
    return made


def _webhook(table: Mapping[str, Any]) -> Webhook:
    _known(table, {one.name for one in fields(Webhook)}, "webhook.")
    made = Webhook(**{**table, **_paths(table)})
    local = re.match(r"http://(localhost|127\.0\.0\.1)[:/]", made.url)
    if not made.url.startswith("https://") and local is None:
        raise ValueError("webhook: url begins with https://")
    return made


def _paths(table: Mapping[str, Any]) -> dict[str, Path]:
    names = ("password_file", "secret_file", "ca_file")
    return {name: Path(_line(table[name])) for name in names if name in table}


def _known(table: Mapping[str, Any], names: set[str], where: str) -> None:
    if unknown := sorted(set(table) - names):
        raise ValueError(f"unknown key {where}{unknown[0]}")


def _line(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a text of one line is missing")
    return value


def _span(value: object) -> timedelta:
    found = _SPAN.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value}: a time is written as 30h, 15m or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _size(value: object) -> int:
    found = _SIZE.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value}: a size is written as 512 MiB or 2 GiB")
    return int(found[1]) * _FACTOR[found[2]]
