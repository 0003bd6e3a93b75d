# SPDX-License-Identifier: EUPL-1.2
"""The tokens of a proof as files, for a program of somebody else (docs/spec/proof.md §3)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from lakzegel_core.itemproof import ItemProof
from lakzegel_verify.durable import write_file

ROOTS: Final = "roots.pem"


def extract(proof: ItemProof, folder: Path) -> list[str]:
    """The command lines that check what was written into a new folder; none without tokens.

    Raises:
        OSError: the folder is there already, or it cannot be written to.
    """
    if not proof.stamps:
        return []
    folder.mkdir()
    roots = [load_der_x509_certificate(root) for root in proof.roots]
    write_file(folder / ROOTS, b"".join(root.public_bytes(Encoding.PEM) for root in roots))
    lines = []
    for data, stamped, answer, token in _pairs(proof):
        write_file(folder / data, stamped)
        write_file(folder / answer, token)
        files = [shlex.quote(str(folder / name)) for name in (data, answer, ROOTS)]
        lines.append("openssl ts -verify -data {} -in {} -CAfile {}".format(*files))
    return lines


def _pairs(proof: ItemProof) -> Iterator[tuple[str, bytes, str, bytes]]:
    for number, stamp in enumerate(proof.stamps, 1):
        name = f"stamp-{number}"
        yield f"{name}.checkpoint", stamp.anchor.checkpoint, f"{name}.tsr", stamp.token
        for place, one in enumerate(stamp.renewals, 1):
            renewal = f"{name}-renewal-{place}"
            yield f"{renewal}.list", one.renewed, f"{renewal}.tsr", one.token
