# SPDX-License-Identifier: EUPL-1.2
"""Objects and keyrings in an S3 store (docs/spec/stores.md §4, 5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_core.limits import MAX_KEYRING
from lakzegel_server.errors import ClashError, KeptError
from lakzegel_server.stores.failing import ExistsError
from lakzegel_server.stores.names import KEYRINGS, NEXT, WAITING, checked, checked_prefix
from lakzegel_server.stores.promoting import raced, require_as_named
from lakzegel_server.stores.protocols import Moves
from lakzegel_server.stores.s3client import S3Client, checksum
from lakzegel_server.stores.s3parts import WHOLE, file_checksum, put_in_parts, whole_checksum
from lakzegel_server.stores.s3reading import S3Reading, checksum_of

PAGE: Final = 1000  # names an answer
PUTTERS: Final = 32  # files that are put at a time
MARK: Final = "store"  # the object that says whose store it is
_UNVERSIONED: Final = "null"
_log: Final = logging.getLogger(__name__)


class S3Store:
    """What is the same for objects and for keyrings."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._putters = ThreadPoolExecutor(PUTTERS, thread_name_prefix="putter")

    def close(self) -> None:
        """Let go of all connections."""
        self._putters.shutdown()
        self._client.close()

    def test(self) -> None:
        """Ask for the mark."""
        self._client.ask("head_object", MARK)

    def put(self, name: str, data: bytes) -> None:
        """Put it where nothing has the name, else compare."""
        key = self._key(name)
        try:
            self._put(key, data, IfNoneMatch="*")
        except ExistsError:
            if not self._is_data(key, data):
                raise _clash(name) from None

    def supersede(self, name: str, data: bytes) -> None:
        """Put it, unless it is there."""
        key = self._key(name)
        if not self._is_data(key, data):
            self._put(key, data)

    def settle(self, moves: Moves) -> None:
        """Put files, many at a time: a store has time for all of them, and each takes a while."""
        if len(moves) == 1:
            self._settle(*moves[0])
        else:
            begun = [self._putters.submit(self._settle, work, name) for work, name in moves]
            wait(begun)
            for one in begun:
                one.result()
        for work, _ in moves:  # not before: when one fails, all can be tried again
            work.unlink()

    def open(self, name: str) -> S3Reading:
        """The object, asked for once."""
        return S3Reading.open(self._client, self._key(name))

    def read(self, name: str, limit: int) -> bytes:
        """The object's bytes."""
        with self.open(name) as reading:
            return reading.read(limit + 1)

    def size(self, name: str) -> int | None:
        """The object's length."""
        found = self._head(self._key(name))
        return None if found is None else int(found["ContentLength"])

    def changed(self, name: str) -> float | None:
        """When the store got it."""
        found = self._head(self._key(name))
        return None if found is None else float(found["LastModified"].timestamp())

    def names(self, prefix: str) -> Iterator[str]:
        """The names below a prefix, a page at a time."""
        yield from self._list(checked_prefix(prefix))

    def _list(self, prefix: str) -> Iterator[str]:
        base = self._client.place.base
        more: dict[str, str] = {}
        while True:
            page = self._client.ask("list_objects_v2", Prefix=base + prefix, MaxKeys=PAGE, **more)
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(base)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _settle(self, work: Path, name: str) -> None:
        raise NotImplementedError

    def _put(self, key: str, data: bytes, **conditions: str) -> None:
        self._client.ask(
            "put_object",
            key,
            Body=data,
            ChecksumSHA256=checksum(data),
            **self._terms(),
            **conditions,
        )

    def _put_file(self, key: str, work: Path, **conditions: str) -> None:
        if work.stat().st_size > WHOLE:
            put_in_parts(self._client, key, work, self._terms(), conditions)
            return
        with work.open("rb") as file:
            self._client.ask(
                "put_object",
                key,
                Body=file,
                ChecksumSHA256=file_checksum(work),
                **self._terms(),
                **conditions,
            )

    def _terms(self) -> dict[str, object]:
        """How what is put now is kept."""
        return {}

    def _is(self, key: str, size: int, stated: str, whole: Callable[[], str]) -> bool:
        """Whether the key gives these bytes: of this length, and what the store states of them.

        Where it states nothing, or of other parts, they are read.
        """
        found = self._head(key, ChecksumMode="ENABLED")
        if found is None or found["ContentLength"] != size:
            return False
        if found.get("ChecksumSHA256") == stated:
            return True
        with S3Reading.open(self._client, key) as reading:
            return checksum_of(reading) == whole()

    def _is_data(self, key: str, data: bytes) -> bool:
        stated = checksum(data)
        return self._is(key, len(data), stated, lambda: stated)

    def _is_file(self, key: str, work: Path) -> bool:
        size, stated = work.stat().st_size, file_checksum(work)
        return self._is(key, size, stated, lambda: whole_checksum(work))

    def _head(self, key: str, **arguments: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.ask("head_object", key, **arguments)
        except FileNotFoundError:
            return None
        return found

    def _key(self, name: str) -> str:
        return checked(name)


class S3Objects(S3Store):
    """Objects in a bucket with Object Lock: each is put with its retention."""

    locked = True

    def __init__(self, client: S3Client, clock: Callable[[], float]) -> None:
        super().__init__(client)
        self._clock = clock
        self._days = client.place.retain_days or 0

    def remove(self, name: str) -> bool:
        """Whether nothing has this name; what has it is locked."""
        return self.size(name) is None

    def extend(self, name: str, until: datetime) -> None:
        """Keep an object until then; the store refuses to keep it for a shorter time than now."""
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
        self._client.ask("put_object_retention", self._key(name), Retention=retention)

    def _terms(self) -> dict[str, object]:
        now = datetime.fromtimestamp(int(self._clock()) + 1, UTC)
        until = now + timedelta(days=self._days)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def _settle(self, work: Path, name: str) -> None:
        key = self._key(name)
        try:
            self._put_file(key, work, IfNoneMatch="*")
        except ExistsError:
            if not self._is_file(key, work):
                _log.warning("%s: what was there is not what its name says; superseded", name)
                self._put_file(key, work)


class S3Keyrings(S3Store):
    """Keyrings in a bucket that keeps no versions."""

    def waiting(self) -> Iterator[str]:
        """Those below the prefix of the waiting."""
        for key in self._list(WAITING):
            yield f"{KEYRINGS}{key.removeprefix(WAITING)}"

    def version(self, name: str) -> str | None:
        """The store's tag of its bytes."""
        found = self._head(self._key(name))
        return None if found is None else str(found["ETag"])

    def replace(self, name: str, data: bytes, version: str | None) -> None:
        """Put it under the condition that this is what is there; it is the store that compares."""
        key = self._key(name)
        there = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            self._put(key, data, **there)
        except (ExistsError, FileNotFoundError):  # or an answer was lost, and it is ours
            if not self._is_data(key, data):
                raise raced(name) from None

    def promote(self, waiting: str, name: str, version: str | None) -> None:
        """Put the one that waits over the old one, and see that nothing else is left."""
        data = self.read(waiting, MAX_KEYRING)
        require_as_named(waiting, data)
        self.replace(name, data, version)
        self._client.ask("delete_object", self._key(waiting))
        self._require_left(name, 1)
        self._require_left(waiting, 0)

    def remove(self, name: str) -> bool:
        """Delete it, and see that it is gone."""
        self._client.ask("delete_object", self._key(name))
        self._require_left(name, 0)
        return True

    def _require_left(self, name: str, count: int) -> None:
        """Return when the store has so many of this name, and no version of another.

        Raises:
            KeptError: it has more.
        """
        key = self._key(name)
        found = self._client.ask("list_object_versions", Prefix=self._client.place.base + key)
        own = [one for one in found.get("Versions", ()) if one["Key"].endswith(key)]
        kept = [one for one in own if one.get("VersionId", _UNVERSIONED) != _UNVERSIONED]
        if len(own) > count or kept or found.get("DeleteMarkers"):
            raise KeptError(f"{name}: the store keeps what it was to forget; turn versions off")

    def _settle(self, work: Path, name: str) -> None:
        """Put it where nothing has the name; another one is never taken away by a batch."""
        key = self._key(name)
        try:
            self._put_file(key, work, IfNoneMatch="*")
        except ExistsError:
            if not self._is_file(key, work):
                raise _clash(name) from None

    def _key(self, name: str) -> str:
        key = checked(name)
        if key.endswith(NEXT):
            return f"{WAITING}{key.removeprefix(KEYRINGS)}"
        return key


def _clash(name: str) -> ClashError:
    return ClashError(f"{name}: other bytes are there; run 'lakzegel-server check'")
