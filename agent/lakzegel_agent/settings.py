# SPDX-License-Identifier: EUPL-1.2
"""What a device must know before it has a policy; the only reader of the environment.

    server = "https://receiver.example"
    home = "/var/lib/lakzegel"
    log_keys = ["log.example/lakzegel+...", "log.example/lakzegel+..."]
    policy_keys = ["records.example+...", "privacy.example+..."]
    threshold = 2                  # policy keys that must sign; default: all of them
    ca_file = "/etc/ssl/own.pem"   # default: those of certifi
    workers = 2                    # processes that read and seal; default: at most two
    user_home = "/home/minister"   # what "~" means in a policy; default: the home of who runs this
    proxy = "system"               # or "none", or http://HOST:PORT
    pac = "https://…/proxy.pac"    # instead of a proxy: the program that names one
    token_file = "/etc/lakzegel/token"  # by what this device enrols itself; or token = "…"

MDM, the signed policy, this file and the environment, in this order: docs/spec/settings.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from lakzegel_agent.errors import UsageError
from lakzegel_agent.managed import MAX_CONFIG, Managed, managed, toml_values
from lakzegel_agent.settingsconfig import LOOPBACK, Config
from lakzegel_agent.settingslayers import Layer, effective, flat, provenance
from lakzegel_agent.settingsschema import PREFIX, Settings, settings_of
from lakzegel_agent.trust import Pins
from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, VerifierKey

CREDENTIAL: Final = "lakzegel-agent.token"  # of systemd, LoadCredential=
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
_NEXT: Final = "mend it, or have MDM deliver it again"


def load_config(path: Path, *, mdm: Managed | None = None) -> Config:
    """The configuration of MDM, a file and the environment.

    The file may be absent where MDM says everything; where it is MDM's own, it is read as that.

    Raises:
        UsageError: names the source, the key and what is wrong with it.
    """
    layers = _layers(path, managed() if mdm is None else mdm)
    kept = effective(layers)
    try:
        settings = settings_of([layer.values for layer in kept])
    except ValidationError as error:
        raise UsageError(_first_fault(error, kept, path)) from None
    pins = _pins(settings, lambda key: _place(kept, key, path))
    ca_file = _path(kept, "ca_file", settings.ca_file, path)
    if ca_file is not None and not os.access(ca_file, os.R_OK):
        place = _place(kept, "ca_file", path)
        raise UsageError(f"{place}: ca_file {ca_file}: not there, or not readable; {_NEXT}")
    found = provenance(layers)
    return Config(
        path=path,
        server=_server(_place(kept, "server", path), settings.server),
        home=_path(kept, "home", settings.home, path) or settings.home,
        pins=pins,
        ca_file=ca_file,
        workers=min(settings.workers, os.cpu_count() or 1),
        user_home=settings.user_home or Path.home(),
        origins={n: found[n].origin if n in found else "default" for n in Settings.model_fields},
        proxy=settings.proxy,
        pac=settings.pac,
        keystore=settings.keystore,
        marker=settings.mdm_marker,
        token=settings.token,
        token_file=_token_file(kept, settings.token_file, path),
        serial=settings.serial_number,
        layers=tuple(layers),
    )


def _layers(path: Path, mdm: Managed) -> list[Layer]:
    """Every source that says something, highest first."""
    ours = mdm.read()
    layers = [] if ours is None else [ours]
    if ours is None or not _is_same(path, Path(ours.place)):
        layers += _file(path, needed=ours is None)
    try:
        said = EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise UsageError(f"environment: {PREFIX}…: {error}; unset it") from None
    return [*layers, Layer("environment", "environment", said)] if said else layers


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _file(path: Path, *, needed: bool) -> list[Layer]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG + 1)
    except FileNotFoundError as error:
        if not needed:
            return []
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from None
    if len(data) > MAX_CONFIG:
        raise UsageError(f"{path}: more than {MAX_CONFIG} bytes; that is no agent.toml")
    try:
        return [Layer("file", str(path), toml_values(data))]
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _place(layers: Sequence[Layer], key: str, path: Path) -> str:
    """Where a setting stands, for who has to mend it."""
    for layer in layers:
        if any(name == key or name.startswith(f"{key}.") for name, _ in flat(layer.values)):
            return layer.place
    return layers[0].place if layers else str(path)


def _path(layers: Sequence[Layer], key: str, value: Path | None, path: Path) -> Path | None:
    """A path that a setting names, from the folder of the file that says so."""
    if value is None or value.is_absolute():
        return value
    layer = next(one for one in layers if key in one.values)
    if layer.origin == "mdm":
        raise UsageError(f"{layer.place}: {key}: MDM's paths begin with the root; {_NEXT}")
    return path.absolute().parent / value


def _token_file(layers: Sequence[Layer], value: Path | None, path: Path) -> Path | None:
    """The file with a token: as a setting names it, else what the service manager handed over."""
    folder = os.environ.get(_CREDENTIALS, "")
    if value is None:
        handed = Path(folder, CREDENTIAL) if folder.startswith("/") else None
        return handed if handed is not None and handed.exists() else None
    first, *rest = value.parts
    if first == f"${_CREDENTIALS}" and folder.startswith("/"):
        return Path(folder, *rest)
    return _path(layers, "token_file", value, path)


def _first_fault(error: ValidationError, layers: Sequence[Layer], path: Path) -> str:
    """Which source, which key, what; without the value, which may be a login."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    names = [part for part in fault["loc"] if isinstance(part, str)]
    key = ".".join(names) or "?"
    what = {"extra_forbidden": f"key '{key}' is not known", "missing": f"key '{key}' is missing"}
    text = what.get(fault["type"], f"key '{key}': {fault['msg']}")
    return f"{_place(layers, key, path)}: {text}; {_NEXT}"


def _pins(settings: Settings, place: Callable[[str], str]) -> Pins:
    """Whom this device trusts; a fault is named with the setting that has it."""
    with _naming("log_keys", place):
        log = LogKeys.from_texts(settings.log_keys)
    with _naming("policy_keys", place):
        policy = tuple(VerifierKey.from_text(text) for text in settings.policy_keys)
        if any(key.algorithm is not Algorithm.ED25519 for key in policy):
            raise UsageError("not every key is an Ed25519 key (type 0x01)")
    with _naming("threshold", place):
        threshold = settings.threshold or len(policy)
        if threshold > len(policy):
            raise UsageError(f"{threshold} of {len(policy)} policy keys cannot sign")
    return Pins(log, policy, threshold)


@contextmanager
def _naming(key: str, place: Callable[[str], str]) -> Iterator[None]:
    """Whatever is wrong in here is wrong with this setting."""
    try:
        yield
    except (LakzegelError, UsageError) as error:
        raise UsageError(f"{place(key)}: {key}: {error}; {_NEXT}") from None


def _server(place: str, server: str) -> str:
    """The address without a last slash; plain HTTP stays on this machine."""
    parts = urlsplit(server)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise UsageError(f"{place}: server must be https://… (or http:// on this machine); {_NEXT}")
    if parts.username or parts.query or parts.fragment:
        raise UsageError(f"{place}: server: only scheme, host, port and path; {_NEXT}")
    return server.rstrip("/")
