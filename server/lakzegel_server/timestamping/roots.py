# SPDX-License-Identifier: EUPL-1.2
"""The certificates at which a token's chain may end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.x509 import Certificate, load_pem_x509_certificates

from lakzegel_server.errors import ConfigError

MAX_FILE: Final = 2**20  # bytes
MAX_ROOTS: Final = 64


def read_roots(path: Path) -> tuple[Certificate, ...]:
    """The roots of a PEM file.

    Raises:
        ConfigError: it cannot be read, or holds anything but self-signed certificates.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    return parse_roots(data, str(path))


def parse_roots(data: bytes, place: str) -> tuple[Certificate, ...]:
    """The roots of PEM text that lies at a place.

    Raises:
        ConfigError: it holds anything but self-signed certificates, or too much.
    """
    try:
        roots = load_pem_x509_certificates(data)
    except ValueError:
        raise ConfigError(f"{place}: holds no certificates in PEM") from None
    if len(data) > MAX_FILE or len(roots) > MAX_ROOTS:
        raise ConfigError(f"{place}: more than {MAX_ROOTS} certificates")
    for root in roots:
        try:
            root.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            raise ConfigError(f"{place}: holds a certificate that is no root") from None
    return tuple(dict.fromkeys(roots))
