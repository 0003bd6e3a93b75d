# SPDX-License-Identifier: EUPL-1.2
"""Signs what was made, by GPG with the builder's own key: in its agent, on its card.

- an .rpm in its header, as rpm and dnf expect it;
- a .deb by a member ``_gpgorigin`` (deb-origin: over its other members, in order), which
  debsig-verify reads and dpkg skips; apt itself trusts the repository's Release;
- SHA256SUMS beside them, detached, over everything.

Signing changes the bytes of a package and nothing that is installed.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from lakzegel_linux.errors import PackagingError

_MAGIC: Final = b"!<arch>\n"
_HEADER: Final = 60  # bytes before each member of an ar archive
_MEMBER: Final = "_gpgorigin"


def sign_packages(out: Path, key: str) -> None:
    """Sign every package in ``out``."""
    for path in sorted(out.glob("*.deb")):
        sign_deb(path, key)
    program = shutil.which("gpg") or "gpg"  # rpm does not look for it
    for path in sorted(out.glob("*.rpm")):
        defined = ["--define", f"_gpg_name {key}", "--define", f"__gpg {program}"]
        _run(["rpmsign", *defined, "--addsign", os.fspath(path)])


def sign_detached(path: Path, key: str) -> Path:
    """The signature of a file, beside it, in letters."""
    target = path.with_name(f"{path.name}.asc")
    _gpg(key, ["--armor", "--output", os.fspath(target), os.fspath(path)])
    return target


def sign_deb(path: Path, key: str) -> None:
    """Add the member that signs the others.

    Raises:
        PackagingError: it is no package, or is signed already.
    """
    data = path.read_bytes()
    signed = b"".join(members(data))
    with tempfile.TemporaryDirectory() as folder:
        body, target = Path(folder) / "body", Path(folder) / "body.gpg"
        body.write_bytes(signed)
        _gpg(key, ["--output", os.fspath(target), os.fspath(body)])
        signature = target.read_bytes()
    header = f"{_MEMBER:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(signature):<10}`\n"
    path.write_bytes(data + header.encode() + signature + b"\n" * (len(signature) % 2))


def members(data: bytes) -> list[bytes]:
    """The contents of an unsigned package's members, in order.

    Raises:
        PackagingError: it is no package, or is signed already.
    """
    if not data.startswith(_MAGIC):
        raise PackagingError("not a .deb: no ar archive")
    found, at = [], len(_MAGIC)
    while at < len(data):
        header = data[at : at + _HEADER]
        if header.startswith(b"_gpg"):
            raise PackagingError("signed already: make it anew")
        size = int(header[48:58])
        found.append(data[at + _HEADER : at + _HEADER + size])
        at += _HEADER + size + size % 2
    return found


def _gpg(key: str, arguments: list[str]) -> None:
    """Run GPG, which asks nobody but its own agent."""
    _run(["gpg", "--batch", "--yes", "--local-user", key, "--detach-sign", *arguments])


def _run(command: list[str]) -> None:
    """Run a program of the system.

    Raises:
        PackagingError: it is not there, or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PackagingError(f"{command[0]}: not found; install it to sign") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise PackagingError(f"{command[0]}: {last}")
