# SPDX-License-Identifier: EUPL-1.2
"""Every setting of the agent as a form has to know it: name, kind, limits, default, words.

Of the schema, as JSON Schema states it (`Settings.model_json_schema`), and `words.toml`; a key that
has no words is refused, so that none can be forgotten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

WORDS: Final = Path(__file__).with_name("words.toml")
LANGUAGES: Final = ("nl", "en")
PLATFORMS: Final = ("linux", "macos", "windows")
Value = str | int | bool | list[str]


class ProfileError(Exception):
    """What a profile cannot be made of; the text says what and what to do."""


class Kind(StrEnum):
    """What a value is; a choice is a text of a list."""

    TEXT = "text"
    LIST = "list"
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Words:
    """A key's title and what it does, in one language."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """One setting; ``name`` has its table before it: ``limits.batch``."""

    name: str
    kind: Kind
    required: bool
    default: Value | None
    choices: tuple[str, ...]
    least: int | None
    most: int | None
    secret: bool
    words: Mapping[str, Words]
    examples: Mapping[str, Value]

    @property
    def table(self) -> str:
        """The table that it stands in; empty for none."""
        return self.name.rpartition(".")[0]

    @property
    def last(self) -> str:
        """Its name within the table."""
        return self.name.rpartition(".")[2]

    @property
    def differs(self) -> bool:
        """Whether it is a place, which each platform has elsewhere."""
        return len({str(one) for one in self.examples.values()}) > 1

    @property
    def camel(self) -> str:
        """The name as one word: ``LimitsBatch``."""
        return "".join(part.capitalize() for part in self.name.replace("_", ".").split("."))

    def shown(self, platform: str) -> Value:
        """What a profile shows where nobody set a value: the default, else an example."""
        return self.examples[platform] if self.default is None else self.default


def keys_of(
    model: type[BaseModel],
    *,
    defaults: Mapping[str, Any],
    words: Mapping[str, Any],
) -> list[Key]:
    """Every key of a schema, those that must be set first.

    ``defaults`` has what holds where neither the schema nor a policy says anything.

    Raises:
        ProfileError: a key that has no words, or is of a kind that no profile knows.
    """
    schema = model.model_json_schema()
    rows = list(_leaves(schema, schema, "", needed=True))
    found = [_key(name, one, defaults, words, needed=needed) for name, one, needed in rows]
    return sorted(found, key=lambda key: (not key.required, bool(key.table)))


def read_words(path: Path = WORDS) -> dict[str, Any]:
    """The words of `words.toml`."""
    with path.open("rb") as file:
        return tomllib.load(file)


def _leaves(
    schema: Mapping[str, Any], table: Mapping[str, Any], prefix: str, *, needed: bool
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Each setting, tables opened: its dotted name, what the schema says, whether it must be."""
    for name, said in table["properties"].items():
        one = _without_null(said)
        required = needed and name in table.get("required", ())
        if "$ref" in one:
            inner = schema["$defs"][one["$ref"].rpartition("/")[2]]
            yield from _leaves(schema, inner, f"{prefix}{name}.", needed=required)
        else:
            yield f"{prefix}{name}", one, required


def _without_null(said: Mapping[str, Any]) -> dict[str, Any]:
    """A setting that may be absent, as what it is where it is there."""
    rest = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    return {**said, **rest[0]} if len(rest) == 1 else dict(said)


def _key(
    name: str,
    said: Mapping[str, Any],
    defaults: Mapping[str, Any],
    words: Mapping[str, Any],
    *,
    needed: bool,
) -> Key:
    told = _words_of(name, words)
    default = said.get("default")
    example = told["example"]
    return Key(
        name=name,
        kind=_kind(name, said),
        required=needed,
        default=defaults.get(name) if default is None else default,
        choices=tuple(said.get("enum", ())),
        least=said.get("minimum"),
        most=said.get("maximum"),
        secret=bool(said.get("writeOnly") or told.get("secret")),
        words={language: Words(*told[language]) for language in LANGUAGES},
        examples=example if isinstance(example, Mapping) else dict.fromkeys(PLATFORMS, example),
    )


def _words_of(name: str, words: Mapping[str, Any]) -> Mapping[str, Any]:
    """The words of a key, whole."""
    told: Any = words
    for part in name.split("."):
        told = told.get(part, {}) if isinstance(told, Mapping) else {}
    missing = [part for part in ("example", *LANGUAGES) if part not in told]
    if missing:
        raise ProfileError(f"words.toml: [{name}] has no {', '.join(missing)}; write them there")
    found: Mapping[str, Any] = told
    return found


def _kind(name: str, said: Mapping[str, Any]) -> Kind:
    kinds = {"string": Kind.TEXT, "integer": Kind.NUMBER, "boolean": Kind.FLAG}
    kind = said.get("type")
    if kind == "array" and said.get("items", {}).get("type") == "string":
        return Kind.LIST
    if kind not in kinds:
        raise ProfileError(f"{name}: no profile knows the type {kind!r}; teach keys.py")
    return kinds[kind]
