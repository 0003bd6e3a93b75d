# SPDX-License-Identifier: EUPL-1.2
"""A large file goes to an S3 store in parts, each with its own checksum."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakzegel_server.stores.s3client import S3Client, checksum

WHOLE: Final = 64 * 2**20  # bytes that go in one request
PART: Final = 32 * 2**20  # bytes; a batch has at most 32 of these
_BLOCK: Final = 2**20


def put_in_parts(
    client: S3Client,
    key: str,
    work: Path,
    terms: Mapping[str, object],
    conditions: Mapping[str, str],
) -> None:
    """Return when the key gives the file's bytes.

    Raises:
        ExistsError: the conditions are not met; what was sent is thrown away.
        OSError: the store does not do it now; likewise.
    """
    begun = client.ask("create_multipart_upload", key, ChecksumAlgorithm="SHA256", **terms)
    upload = {"UploadId": begun["UploadId"]}
    try:
        parts = []
        for number, data in enumerate(_parts(work), 1):
            place = {"PartNumber": number, "ChecksumSHA256": checksum(data)}
            done = client.ask("upload_part", key, Body=data, **place, **upload)
            parts.append({**place, "ETag": done["ETag"]})
        client.ask(
            "complete_multipart_upload",
            key,
            MultipartUpload={"Parts": parts},
            **upload,
            **conditions,
        )
    except BaseException:
        with suppress(OSError):  # the bucket's own rule ends it
            client.ask("abort_multipart_upload", key, **upload)
        raise


def file_checksum(work: Path) -> str:
    """What the store states of a file: SHA-256 of its bytes, or of those of its parts."""
    size = work.stat().st_size
    if size > WHOLE:
        digests = [hashlib.sha256(data).digest() for data in _parts(work)]
        joined = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
        return f"{joined}-{len(digests)}"
    return whole_checksum(work)


def whole_checksum(work: Path) -> str:
    """SHA-256 of a file's bytes, as the store states it."""
    hashed = hashlib.sha256()
    with work.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            hashed.update(block)
    return base64.b64encode(hashed.digest()).decode()


def _parts(work: Path) -> Iterator[bytes]:
    with work.open("rb", buffering=0) as file:
        while data := file.read(PART):
            yield data
