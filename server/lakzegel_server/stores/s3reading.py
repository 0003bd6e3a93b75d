# SPDX-License-Identifier: EUPL-1.2
"""An object of an S3 store that is read block by block, and gone on with where it was cut off."""

from __future__ import annotations

import base64
import errno
import hashlib
from typing import Any, Final, Self

from lakzegel_server.stores.failing import ExistsError, StoreError
from lakzegel_server.stores.s3client import READ_ERRORS, S3Client, unreachable

TRIES: Final = 4  # at one place
BLOCK: Final = 2**20  # bytes


class S3Reading:
    """One version of an object."""

    def __init__(self, client: S3Client, key: str, answer: dict[str, Any]) -> None:
        self._client = client
        self._key = key
        self._body = answer["Body"]
        self._same = {"IfMatch": answer["ETag"]}
        if "VersionId" in answer:
            self._same = {"VersionId": answer["VersionId"]}
        self._at = 0
        self.size: Final = int(answer["ContentLength"])

    @classmethod
    def open(cls, client: S3Client, key: str) -> Self:
        """What the key gives now.

        Raises:
            FileNotFoundError: nothing.
            StoreError: it cannot be asked for.
        """
        return cls(client, key, client.ask("get_object", key))

    def read(self, size: int, /) -> bytes:
        """The next bytes.

        Raises:
            StoreError: the store does not give them, or gives another version now; what came of
                them is lost with this reading.
            FileNotFoundError: this version is gone.
        """
        wanted, pieces = min(size, self.size - self._at), []
        while wanted > 0:  # a body gives what the network has: less than was asked for is no end
            pieces.append(self._piece(wanted))
            wanted -= len(pieces[-1])
        return b"".join(pieces)

    def _piece(self, wanted: int) -> bytes:
        failure = None
        for _ in range(TRIES):
            if failure is not None:
                self._again()  # that asks often enough by itself, and knows what is wrong
            try:
                data: bytes = self._body.read(wanted)
            except READ_ERRORS as error:
                failure = unreachable(error)
                continue
            if data:
                self._at += len(data)
                return data
            failure = unreachable(ConnectionError())
        assert failure is not None  # noqa: S101 - a round that did not return has one
        raise failure

    def close(self) -> None:
        """Let the connection go."""
        self._body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _again(self) -> None:
        self._body.close()
        rest = f"bytes={self._at}-"
        try:
            answer = self._client.ask("get_object", self._key, Range=rest, **self._same)
        except ExistsError:  # 412: another one has its name
            raise StoreError(errno.ESTALE, "was replaced while it was read") from None
        self._body = answer["Body"]


def checksum_of(reading: S3Reading) -> str:
    """SHA-256 of what is left of an object, as the store states it."""
    hashed = hashlib.sha256()
    while block := reading.read(BLOCK):
        hashed.update(block)
    return base64.b64encode(hashed.digest()).decode()
