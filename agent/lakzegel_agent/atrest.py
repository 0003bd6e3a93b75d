# SPDX-License-Identifier: EUPL-1.2
"""A device's keys at rest: plain in files, or wrapped under a secret that a `KeyWrap` keeps.

    keys/store      lakzegel.nl/keystore/v1
                    wrap tpm2
                    blob <base64 of what the wrap gave>
    keys/header-0   WRAPPED+<base64 of RFC 5649 under the secret, of "header-0", a newline, the key>

Without keys/store everything is plain. A file's name is inside, so that none takes another's
place. docs/spec/ledger.md §10
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.errors import LedgerDamagedError
from lakzegel_agent.keywraps import (
    AUTO,
    MAX_BLOB,
    PLAIN,
    SECRET,
    WRAPS,
    KeyWrap,
    LostError,
    UnusableError,
)
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import LakzegelError

STORE: Final = "store"
OURS: Final = ("ledger", "header-*", "witness-*", "annex-*")
_FIRST: Final = "lakzegel.nl/keystore/v1"
_WRAPPED: Final = b"WRAPPED+"
_MAX_STORE: Final = 2 * MAX_BLOB  # bytes
_AGAIN: Final = "run enrol with a new token"


class AtRest:
    """How the keys below one folder lie there."""

    def __init__(self, folder: Path, wraps: Mapping[str, Callable[[], KeyWrap]] = WRAPS) -> None:
        self._folder = folder
        self._wraps = wraps
        self._secret: bytes | None = None  # once it was needed

    @property
    def kind(self) -> str:
        """What keeps the secret: "plain", or the name of a wrap.

        Raises:
            LedgerDamagedError: keys/store is not what was stored.
        """
        found = self._read()
        return PLAIN if found is None else found[0]

    def settle(self, wanted: str, *, random: Callable[[int], bytes]) -> None:
        """Have the keys lie as a setting says; "auto" leaves them, and finds the best for new ones.

        A crash at any moment leaves files that can all be read, and this is called again.

        Raises:
            UnusableError: what is wanted cannot be used; the keys are as they were.
            LostError: the keys cannot be read.
        """
        kind = self.kind
        if wanted == AUTO:
            fresh = kind == PLAIN and next(self._files(), None) is None
            wanted = self._best(random) if fresh else kind
        if kind not in {wanted, PLAIN}:
            self._rewrite(wrapped=False)
            self._forget()
        if wanted != PLAIN and self.kind == PLAIN:
            self._begin(wanted, random)
        self._rewrite(wrapped=wanted != PLAIN)

    def sealed(self, name: str, text: str) -> bytes:
        """Return the bytes of a key's file."""
        if self.kind == PLAIN:
            return text.encode() + b"\n"
        return self._wrapped(name, text)

    def opened(self, name: str, data: bytes) -> str:
        """Return the key that a file holds.

        Raises:
            UnusableError: not now.
            LedgerDamagedError: never.
        """
        if not data.startswith(_WRAPPED):
            return data.decode("utf-8", "replace").removesuffix("\n")
        from cryptography.hazmat.primitives.keywrap import (  # noqa: PLC0415 - wrapped keys alone
            InvalidUnwrap,
            aes_key_unwrap_with_padding,
        )

        try:
            line = data.removeprefix(_WRAPPED).removesuffix(b"\n").decode("ascii", "replace")
            plain = aes_key_unwrap_with_padding(self._key(), unb64(line, what=f"keys/{name}"))
        except (InvalidUnwrap, LakzegelError):
            raise _damaged(name, "was changed, or is of another store") from None
        inside, _, text = plain.decode("utf-8", "replace").partition("\n")
        if inside != name:
            raise _damaged(name, f"holds {inside}")
        return text

    def _wrapped(self, name: str, text: str) -> bytes:
        from cryptography.hazmat.primitives.keywrap import (  # noqa: PLC0415 - wrapped keys alone
            aes_key_wrap_with_padding,
        )

        made = aes_key_wrap_with_padding(self._key(), f"{name}\n{text}".encode())
        return _WRAPPED + b64(made).encode() + b"\n"

    def _key(self) -> bytes:
        if self._secret is None:
            found = self._read()
            if found is None:
                raise _damaged(STORE, "is gone")
            name, blob = found
            self._secret = self._wraps[name]().unwrap(blob)
        return self._secret

    def _read(self) -> tuple[str, bytes] | None:
        """The name of the wrap and its blob; None where the keys are plain."""
        try:
            with (self._folder / STORE).open("rb") as file:
                data = file.read(_MAX_STORE + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnusableError(f"keys/{STORE}: {error.strerror}") from None
        rows = data.decode("ascii", "replace").split("\n")
        if len(data) > _MAX_STORE or len(rows) != 4 or rows[0] != _FIRST or rows[3]:  # noqa: PLR2004
            raise _damaged(STORE, "is not what was stored")
        name, blob = rows[1].removeprefix("wrap "), rows[2].removeprefix("blob ")
        if name not in self._wraps:
            raise _damaged(STORE, "names no place that this agent knows")
        try:
            return name, unb64(blob, what=f"keys/{STORE}")
        except LakzegelError:
            raise _damaged(STORE, "is not what was stored") from None

    def _best(self, random: Callable[[int], bytes]) -> str:
        """The first place that keeps a secret and gives it back."""
        for name, make in self._wraps.items():
            secret = random(SECRET)
            try:
                wrap = make()
                if wrap.unwrap(wrap.wrap(secret)) == secret:
                    return name
            except (UnusableError, LostError):
                continue
        return PLAIN

    def _begin(self, name: str, random: Callable[[int], bytes]) -> None:
        """Have a new secret kept, and know that it comes back before anything depends on it."""
        secret, wrap = random(SECRET), self._wraps[name]()
        blob = wrap.wrap(secret)
        if wrap.unwrap(blob) != secret:
            raise UnusableError(f"{name}: does not give back what it is given")
        text = f"{_FIRST}\nwrap {name}\nblob {b64(blob)}\n"
        durable.write_file(self._folder / STORE, text.encode())
        self._secret = secret

    def _forget(self) -> None:
        (self._folder / STORE).unlink()
        durable.sync_folder(self._folder)
        self._secret = None

    def _rewrite(self, *, wrapped: bool) -> None:
        """Leave each key's file in this form; those that are so already are not touched."""
        for path in self._files():
            data = path.read_bytes()
            if data.startswith(_WRAPPED) is not wrapped:
                text = self.opened(path.name, data)
                new = self._wrapped(path.name, text) if wrapped else text.encode() + b"\n"
                durable.write_file(path, new)

    def _files(self) -> Iterator[Path]:
        for pattern in OURS:
            for path in sorted(self._folder.glob(pattern)):
                if not path.suffix:  # neither a temporary file nor somebody's passphrase
                    yield path


def _damaged(name: str, why: str) -> LedgerDamagedError:
    return LedgerDamagedError(f"keys/{name}: {why}; this device's state is lost: {_AGAIN}")
