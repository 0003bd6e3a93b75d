# SPDX-License-Identifier: EUPL-1.2
"""A secret in a TPM 2.0: sealed under a primary key of the owner hierarchy (TPM 2.0 Part 1, §27).

    wrap     createprimary → create (sealed data object)      → its public and private part
    unwrap   createprimary → load → unseal                    → the secret

The primary key is made anew each time from the TPM's own seed, by the very same template, so that
nothing stays in the TPM; what lies on the disk loads under this seed alone. No PCRs: a secret that
an update of the firmware takes away would be worth less than none. docs/adr/0019

    blob = u16be size of the public part || public part (TPM2B_PUBLIC) || private part
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lakzegel_agent.keywraps import ENROL, GONE, MAX_BLOB, SECRET, LostError, UnusableError
from lakzegel_agent.keywraps.programs import Done, run

_PRIMARY: Final = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"
_SEALED: Final = "fixedtpm|fixedparent|userwithauth|noda"
_CODE: Final = re.compile(r"\(0x([0-9A-Fa-f]{1,8})\)")
_INTEGRITY: Final = 0x09F  # TPM_RC_INTEGRITY, without which parameter it is about
_FORMAT_ONE: Final = 0x0BF  # the bits of a response code that say which one
_MORE: Final = 'keystore = "plain" keeps the keys in files'


class Tpm2:
    """The TPM that tpm2-tools find: /dev/tpmrm0, or what TPM2TOOLS_TCTI names."""

    def __init__(self, run: Callable[..., Done] = run) -> None:
        self._run = run

    def wrap(self, secret: bytes) -> bytes:
        """Return the parts of an object that this TPM alone opens."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self._primary(folder)
            words = ["tpm2_create", "-Q", "-C", "primary", "-g", "sha256", "-a", _SEALED]
            self._do(folder, [*words, "-i", "-", "-u", "public", "-r", "private"], given=secret)
            public = (folder / "public").read_bytes()
            return len(public).to_bytes(2, "big") + public + (folder / "private").read_bytes()

    def unwrap(self, blob: bytes) -> bytes:
        """Return what was sealed."""
        public, private = _parts(blob)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "public").write_bytes(public)
            (folder / "private").write_bytes(private)
            self._primary(folder)
            words = ["tpm2_load", "-Q", "-C", "primary", "-u", "public", "-r", "private"]
            self._do(folder, [*words, "-c", "object"], lost=True)
            secret = self._do(folder, ["tpm2_unseal", "-Q", "-c", "object"]).output
        if len(secret) != SECRET:
            raise LostError(f"TPM: {GONE}: it holds no secret of ours; {ENROL}")
        return secret

    def _primary(self, folder: Path) -> None:
        words = ["tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:aes128cfb"]
        self._do(folder, [*words, "-a", _PRIMARY, "-c", "primary"])

    def _do(
        self, folder: Path, words: list[str], *, given: bytes = b"", lost: bool = False
    ) -> Done:
        """Run a program, and flush what it leaves in a TPM without a resource manager."""
        done = self._run(words, given=given, cwd=folder)
        self._run(["tpm2_flushcontext", "-t"], cwd=folder)
        if not done.status:
            return done
        code = _code(done.errors)
        if lost and _is_integrity(code):
            raise LostError(
                f"TPM: {GONE}: it was cleared or replaced, or this is another device's disk;"
                f" {ENROL}"
            )
        why = f"{words[0]} ended with {done.status}" + (f" (0x{code:x})" if code else "")
        raise UnusableError(f"TPM: {why}; check that this user may use /dev/tpmrm0; {_MORE}")


def _parts(blob: bytes) -> tuple[bytes, bytes]:
    """Both parts; each says its own size, and nothing follows."""
    size = int.from_bytes(blob[:2], "big")
    parts = blob[2 : 2 + size], blob[2 + size :]
    if len(blob) > MAX_BLOB or any(
        len(part) < 2 or int.from_bytes(part[:2], "big") != len(part) - 2  # noqa: PLR2004 - u16be
        for part in parts
    ):
        raise LostError(f"TPM: {GONE}: what lies here is no sealed object; {ENROL}")
    return parts


def _code(errors: str) -> int:
    """The TPM's last response code that a program printed; 0 where it printed none."""
    found = _CODE.findall(errors)
    return int(found[-1], 16) if found else 0


def _is_integrity(code: int) -> bool:
    return code & _FORMAT_ONE == _INTEGRITY
