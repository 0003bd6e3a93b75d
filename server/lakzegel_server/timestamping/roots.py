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
        roots = load_pem_x509_certificates(data)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError:
        raise ConfigError(f"{path}: holds no certificates in PEM") from None
    if len(data) > MAX_FILE or len(roots) > MAX_ROOTS:
        raise ConfigError(f"{path}: more than {MAX_ROOTS} certificates")
    for root in roots:
        try:
            root.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            raise ConfigError(f"{path}: holds a certificate that is no root") from None
    return tuple(dict.fromkeys(roots))
