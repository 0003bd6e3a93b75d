# SPDX-License-Identifier: EUPL-1.2
"""The log's name and its keys, as DATA holds them: made by ``init``, loaded by who serves.

The Ed25519 key is a file, or in a token of which the verifier key is a file (`logkey/`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, Signer, SigningKey, VerifierKey, check_name
from lakzegel_server.durable import replace_file, sync_folder
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout, make_folders

_SEED: Final = 32
ED25519: Final = "log.ed25519"
MLDSA: Final = "log.mldsa"
PKCS11: Final = "log.pkcs11"  # in the place of the first: its verifier key, for it is in a token


@dataclass(frozen=True, slots=True, repr=False)
class LogSigner:
    """The log's two signing keys and what verifiers need."""

    ed25519: Signer
    mldsa: SigningKey

    @property
    def keys(self) -> LogKeys:
        """The verifier keys."""
        return LogKeys(self.ed25519.verifier, self.mldsa.verifier)

    @property
    def trouble(self) -> str | None:
        """Why the log cannot sign at present, a code; None when it can, as far as is known."""
        found: str | None = getattr(self.ed25519, "trouble", None)  # a key in memory has none
        return found


def create(
    data: Path, origin: str, random_seed: bytes, *, token: Callable[[str], Signer] | None = None
) -> LogSigner:
    """Make DATA with new log keys; refuses a folder that already has them.

    ``token`` gives the Ed25519 key of an origin where that is not to be a file.

    Raises:
        ConfigError: DATA is in use, or the origin is no key name.
    """
    layout = Layout(data)
    if layout.config.exists():
        raise ConfigError(f"{data}: already holds a receiver; choose another folder")
    for place in (layout.key(ED25519), layout.key(MLDSA), layout.key(PKCS11), layout.index_file):
        if place.exists():  # a key that is written over is lost, and its log with it
            raise ConfigError(
                f"{place}: is there without {layout.config.name}; put that back, or, if an init of"
                " new keys was cut off, remove the folder first"
            )
    try:
        check_name(origin)
        first = SigningKey.from_seed(origin, Algorithm.ED25519, random_seed[:_SEED])
        second = SigningKey.from_seed(origin, Algorithm.MLDSA44_COSIGNATURE, random_seed[_SEED:])
    except LakzegelError as error:
        raise ConfigError(f"--name {origin}: {error}") from None
    if '"' in origin or "\\" in origin:
        raise ConfigError(f"--name {origin}: holds a quote or a backslash")
    if token is None:
        _write(layout, second, first, (ED25519, first.to_text()))
        return LogSigner(first, second)
    kept = token(origin)
    _write(layout, second, kept, (PKCS11, kept.verifier.to_text()))
    return LogSigner(kept, second)


def prepare(layout: Layout, keys: LogKeys) -> None:
    """Make what a restore of the keys alone lacks: folders, and the verifier keys to hand out."""
    make_folders(layout)
    for path, text in _handed_out(layout, keys):
        if not path.exists():
            replace_file(path, text.encode(), work=layout.incoming)


def _handed_out(layout: Layout, keys: LogKeys) -> tuple[tuple[Path, str], ...]:
    texts = (keys.ed25519.to_text(), keys.mldsa.to_text())
    return (layout.vkey, f"{texts[0]}\n"), (layout.log_keys, f"{texts[0]}\n{texts[1]}\n")


def _write(layout: Layout, second: SigningKey, first: Signer, kept: tuple[str, str]) -> None:
    """Write keys first and ``server.toml`` last: without it there is no receiver yet."""
    make_folders(layout)
    for path, text in (
        (layout.key(kept[0]), f"{kept[1]}\n"),
        (layout.key(MLDSA), f"{second.to_text()}\n"),
        *_handed_out(layout, LogKeys(first.verifier, second.verifier)),
        *(() if layout.shared else ((layout.unsealed, ""),)),  # nothing lies here yet
        (layout.config, config_text(first.verifier.name)),
    ):
        replace_file(path, text.encode(), work=layout.incoming)
    sync_folder(layout.data)


def config_text(origin: str) -> str:
    """The only text that ``server.toml`` may hold."""
    return f'origin = "{origin}"\n'


def load_origin(layout: Layout) -> str:
    """The origin that ``init`` wrote.

    Raises:
        ConfigError: DATA was not made by ``init``.
    """
    try:
        origin = tomllib.loads(layout.config.read_text("utf-8")).get("origin")
    except FileNotFoundError:
        raise ConfigError(f"{layout.data}: no receiver here; run 'lakzegel-server init'") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{layout.config}: {error}") from None
    if not isinstance(origin, str) or layout.config.read_bytes() != config_text(origin).encode():
        raise ConfigError(f"{layout.config}: holds more or less than the origin")
    return origin


def load_log_keys(layout: Layout) -> LogKeys:
    """The log's verifier keys, for what needs no signing key.

    Raises:
        ConfigError: ``log.keys`` is missing or damaged.
    """
    try:
        return LogKeys.from_texts(layout.log_keys.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise ConfigError(f"{layout.log_keys}: {error}") from None


def load_signer(layout: Layout, *, token: Callable[[str], Signer] | None = None) -> LogSigner:
    """The log's signing keys; ``token`` gives the Ed25519 key where that is in one.

    Raises:
        ConfigError: a key is missing or damaged, or belongs to another log.
    """
    origin = load_origin(layout)
    second = _load_key(layout, MLDSA, Algorithm.MLDSA44_COSIGNATURE, origin)
    if layout.key(PKCS11).exists():
        return LogSigner(_load_token(layout, origin, token), second)
    if token is not None:
        raise ConfigError(
            f"{layout.settings}: log_key names a token, but this log was made with a key in a file"
        )
    return LogSigner(_load_key(layout, ED25519, Algorithm.ED25519, origin), second)


def _load_key(layout: Layout, name: str, algorithm: Algorithm, origin: str) -> SigningKey:
    path = layout.key(name)
    try:
        key = SigningKey.from_text(path.read_text("utf-8").removesuffix("\n"))
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if key.verifier.algorithm is not algorithm or key.verifier.name != origin:
        raise ConfigError(f"{path}: is a key of {key.verifier.name}, not of log {origin}")
    return key


def _load_token(layout: Layout, origin: str, token: Callable[[str], Signer] | None) -> Signer:
    """The key in the token, which must be the one that the log was made with."""
    path = layout.key(PKCS11)
    if token is None:
        raise ConfigError(f"{layout.settings}: has no log_key, but the log's key is in a token")
    try:
        known = VerifierKey.from_text(path.read_text("utf-8").removesuffix("\n"))
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise ConfigError(f"{path}: {error}") from None
    key = token(origin)
    if key.verifier != known:
        raise ConfigError(f"{path}: the key in the token is another than the log was made with")
    return key
