# SPDX-License-Identifier: EUPL-1.2
"""What a policy must not tell the receiver: folders and people (docs/spec/policy.md §5).

    device = "laptop-7"

    [[source]]
    name = "s1"
    label = "Postvak IN"
    path = "/home/minister/Mail"

    [exclude]
    folders = ["Privé"]
    party_folders = ["Partij"]
    correspondents = ["thuis@example.org"]

    [[phone]]
    serial = "C39TEST0001"
    custody = "telefoon-1"
    from = 2026-07-01
    until = 2030-07-01

    [term]
    begins = 2026-07-01T12:00:00Z
    ends = 2030-07-01

One age file a device, for its annex key and the office's recipients.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from lakzegel_core import age, fields
from lakzegel_core.errors import PolicyError
from lakzegel_core.limits import MAX_ANNEX
from lakzegel_core.policy import Policy, Source, custody_name, source_label
from lakzegel_core.tables import Table, load_toml

_SERIAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{3,63}")
_SLACK: Final = 65_536  # an age header for the most recipients a policy can name


@dataclass(frozen=True, slots=True)
class SourceAnnex:
    """Where a source lies on this device, and what people call it."""

    name: str
    label: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class Phone:
    """Whose a phone is in which term of office: from the first moment on, before the last."""

    serial: str
    custody: str
    begins: datetime
    ends: datetime | None

    def is_in(self, moment: datetime) -> bool:
        """Whether this moment lies in the term."""
        return self.begins <= moment and (self.ends is None or moment < self.ends)


@dataclass(frozen=True, slots=True)
class Annex:
    """A device's part of a policy that only it and the office can read."""

    text: str
    device: str
    sources: tuple[SourceAnnex, ...]
    folders: tuple[str, ...]
    party_folders: tuple[str, ...]
    correspondents: tuple[str, ...]
    phones: tuple[Phone, ...] = ()
    begins: datetime | None = None  # of the term of office whose device this is
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class EffectiveSource:
    """A source as the agent works with it; ``label`` is what sealed items name it by."""

    source: Source
    label: str
    path: str


def parse_annex(text: str) -> Annex:
    """The annex of a TOML text.

    Raises:
        PolicyError: names the key and what is wrong with it.
    """
    top = load_toml(text, what="annex", max_size=MAX_ANNEX)
    device = top.parsed("device", fields.slug)
    sources = []
    for table in top.tables("source"):
        label = table.parsed("label", source_label) if table.has("label") else None
        path = table.take("path", str) if table.has("path") else None
        sources.append(SourceAnnex(table.parsed("name", source_label), label, path))
        table.done()
    if len({source.name for source in sources}) != len(sources):
        raise PolicyError("annex: two sources have one name")
    exclude, term = top.table("exclude"), top.table("term")
    annex = Annex(
        text,
        device,
        tuple(sources),
        exclude.strings("folders"),
        exclude.strings("party_folders"),
        exclude.strings("correspondents"),
        tuple(_phone(table) for table in top.tables("phone")),
        *(term.time(key) if term.has(key) else None for key in ("begins", "ends")),
    )
    exclude.done()
    term.done()
    if annex.begins is not None and annex.ends is not None and annex.ends <= annex.begins:
        raise PolicyError(f"{term.name('ends')} is not after begins")
    _require_one_owner(annex.phones)
    if set(annex.folders) & set(annex.party_folders):
        raise PolicyError("annex: a folder is both private and of the party")
    top.done()
    return annex


def _phone(table: Table) -> Phone:
    serial = table.take("serial", str)
    if _SERIAL.fullmatch(serial) is None:
        raise PolicyError(f"{table.name('serial')} is not a serial number")
    phone = Phone(
        serial,
        table.parsed("custody", custody_name),
        table.time("from"),
        table.time("until") if table.has("until") else None,
    )
    table.done()
    if phone.ends is not None and phone.ends <= phone.begins:
        raise PolicyError(f"{table.name('until')} is not after from")
    return phone


def _require_one_owner(phones: Sequence[Phone]) -> None:
    """A phone is one person's at a time."""
    ordered = sorted(phones, key=lambda phone: (phone.serial, phone.begins))
    for phone, after in pairwise(ordered):
        if phone.serial == after.serial and (phone.ends is None or after.begins < phone.ends):
            raise PolicyError("annex: two terms of one phone overlap")


def seal_annex(
    annex: Annex, recipients: Sequence[age.Recipient], *, random: Callable[[int], bytes]
) -> bytes:
    """The age file, for the device's annex key and the policy's recipients."""
    return age.encrypt(annex.text.encode(), recipients, random=random)


def open_annex(data: bytes, identities: Sequence[age.Identity], *, device: str) -> Annex:
    """The annex, when one of the identities opens it and it is for this device.

    Raises:
        DecryptError, FormatError, PolicyError.
    """
    plain = age.decrypt(data, identities, max_size=MAX_ANNEX + _SLACK)
    try:
        annex = parse_annex(plain.decode("utf-8"))
    except UnicodeDecodeError:
        raise PolicyError("annex: not UTF-8") from None
    if annex.device != device:
        raise PolicyError(f"annex: is for device {annex.device}, not {device}")
    return annex


def effective_sources(policy: Policy, annex: Annex | None) -> tuple[EffectiveSource, ...]:
    """The policy's sources, with the annex's labels and paths put in.

    The label of a source with a custody ends in that: what the device remembers and seals under it
    is never another person's.

    Raises:
        PolicyError: a source has no path, two have one label, or the annex names an unknown one.
    """
    extra = {source.name: source for source in annex.sources} if annex else {}
    result = []
    for source in policy.sources:
        more = extra.pop(source.name, SourceAnnex(source.name, None, None))
        path = more.path or source.path
        if path is None:
            raise PolicyError(f"source {source.name} has a path in neither policy nor annex")
        whole = replace(source, path=path)
        label = more.label or source.name
        if source.custody is not None:
            label = f"{label} ({source.custody})"
        result.append(EffectiveSource(whole, label, path))
    if extra:
        raise PolicyError(f"annex: source {next(iter(extra))} is not in the policy")
    if len({entry.label for entry in result}) != len(result):
        raise PolicyError("annex: two sources have one label")
    return tuple(result)
