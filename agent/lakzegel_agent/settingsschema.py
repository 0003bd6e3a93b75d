# SPDX-License-Identifier: EUPL-1.2
"""The one schema of every setting, whichever source it comes from (docs/spec/settings.md §2).

Values are as people write them (``"15m"``, ``"2 GiB"``); what is checked here is each by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from lakzegel_agent.keywraps import AUTO, CHOICES
from lakzegel_agent.settingsconfig import NONE, SYSTEM
from lakzegel_core.errors import FormatError, PolicyError
from lakzegel_core.limits import MAX_ITEM
from lakzegel_core.roster import normal_serial
from lakzegel_core.shipping import CHOICES as SHIPPING
from lakzegel_core.shipping import parse_bandwidth, parse_choice, parse_longest_wait
from lakzegel_core.units import parse_duration, parse_size
from lakzegel_core.windows import Hours, parse_hours

PREFIX: Final = "LAKZEGEL_AGENT_"
MAX_WORKERS: Final = 8
DEFAULT_WORKERS: Final = 2
MAX_CADENCE: Final = 86_400.0  # seconds: at least a batch a day leaves
LEAST_BATCH: Final = 2**16  # bytes, docs/spec/policy.md §2
MAX_MARKER: Final = 1024  # characters
_MARKER: Final = re.compile(r"/[^\\]+|[A-Za-z]:\\[^/]+|HKLM(?:\\[^\\/]+){2,}")
LAYERS: Final = "layers"  # the name under which the sources are handed over
# What is written for a value that a parser makes into something else; mdm-profiles/ is made of it.
_TEXT: Final = WithJsonSchema({"type": "string"})


def _by(parse: Callable[..., Any]) -> BeforeValidator:
    """A text through a parser of ours, whose error names no key: pydantic does."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("not a text")  # noqa: TRY004 - what pydantic takes for a fault
        try:
            return parse(value, what="")
        except PolicyError as error:
            raise ValueError(str(error).removeprefix(": ")) from None

    return BeforeValidator(check)


def _cadence(text: str, *, what: str) -> float:
    found = parse_duration(text, what=what)
    if found > MAX_CADENCE:
        raise PolicyError(f"{what}: more than 24h")
    return found


def _batch(text: str, *, what: str) -> int:
    found = parse_size(text, what=what)
    if not LEAST_BATCH <= found <= MAX_ITEM:
        raise PolicyError(f"{what}: not 64 KiB to 256 MiB")
    return found


def _proxy(value: str) -> str:
    """``system``, ``none``, or a proxy's address; the text of the error has no login."""
    if value in {SYSTEM, NONE}:
        return value
    try:
        parts = urlsplit(value)
        well = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("not 'system', 'none' or http://HOST:PORT")
    return value


def _one_of(choices: Sequence[str]) -> WithJsonSchema:
    """A text of a list, for who makes a form of it."""
    return WithJsonSchema({"type": "string", "enum": list(choices)})


def _keystore(value: str) -> str:
    if value not in CHOICES:
        raise ValueError(f"not one of {', '.join(CHOICES)}")
    return value


def _marker(value: str) -> str:
    """A place that only who manages the device can write: of a file, or of a registry value."""
    told = len(value) <= MAX_MARKER and value.isprintable() and ".." not in value
    if not (told and _MARKER.fullmatch(value)):
        raise ValueError(r"not a path from the root, or HKLM\KEY\VALUE")
    return value


def _token(value: str) -> str:
    """A line that lets this device in; the text of the error has nothing of it."""
    text = value.strip()
    if not text.startswith(("PRIVATE+KEY+", "PRIVATE+ROSTER+")):
        raise ValueError("not what 'lakzegel-office admit' wrote")
    return text


def _serial(value: str) -> str:
    try:
        return normal_serial(value)
    except FormatError as error:
        raise ValueError(error.why) from None


class Limits(BaseModel):
    """Sizes; a policy has them too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: Annotated[int, _by(_batch), _TEXT] | None = None
    spool: Annotated[int, _by(parse_size), _TEXT] | None = None


class ShippingSettings(BaseModel):
    """When and how fast batches leave (docs/spec/policy.md §7); a policy has them too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Annotated[tuple[Hours, ...], _by(parse_hours), _TEXT] | None = None
    bandwidth: Annotated[int, _by(parse_bandwidth), _TEXT] | None = None
    on_battery: Annotated[str, _by(parse_choice), _one_of(SHIPPING)] | None = None
    metered: Annotated[str, _by(parse_choice), _one_of(SHIPPING)] | None = None
    longest_wait: Annotated[float, _by(parse_longest_wait), _TEXT] | None = None


class Tunable(BaseSettings):
    """What a signed policy may say as well."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    cadence: Annotated[float, _by(parse_duration), _TEXT] | None = None
    limits: Limits = Limits()
    shipping: ShippingSettings = ShippingSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources that were handed over, in their order, and nothing else."""
        del env_settings, dotenv_settings, file_secret_settings
        return tuple(InitSettingsSource(settings_cls, one) for one in init_settings()[LAYERS])


class Settings(Tunable):
    """Every key and its type."""

    cadence: Annotated[float, _by(_cadence), _TEXT] | None = (
        None  # a policy may be slower than a device
    )
    server: str
    home: Path
    log_keys: tuple[str, ...]
    policy_keys: tuple[str, ...] = Field(min_length=1)
    threshold: int | None = Field(default=None, ge=1)
    ca_file: Path | None = None
    workers: int = Field(default=DEFAULT_WORKERS, ge=1, le=MAX_WORKERS)
    user_home: Path | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] = SYSTEM
    pac: str | None = Field(default=None, min_length=1)
    keystore: Annotated[str, AfterValidator(_keystore), _one_of(CHOICES)] = AUTO
    mdm_marker: Annotated[str, AfterValidator(_marker)] | None = None
    token: Annotated[str, AfterValidator(_token)] | None = Field(default=None, repr=False)
    token_file: Path | None = None
    serial_number: Annotated[str, AfterValidator(_serial)] | None = None


def settings_of(sources: Sequence[Mapping[str, Any]]) -> Settings:
    """The settings that these sources say together, the first of them first.

    Raises:
        ValidationError: a value that is missing, unknown or wrong.
    """
    handed: dict[str, Any] = {LAYERS: [dict(one) for one in sources]}
    return Settings(**handed)


def tunable_of(sources: Sequence[Mapping[str, Any]]) -> Tunable:
    """Likewise, of what a policy may say.

    Raises:
        ValidationError: a value that is wrong.
    """
    wanted = Tunable.model_fields
    rows = [{name: one[name] for name in wanted if name in one} for one in sources]
    handed: dict[str, Any] = {LAYERS: rows}
    return Tunable(**handed)
