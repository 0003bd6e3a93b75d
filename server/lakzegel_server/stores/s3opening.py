# SPDX-License-Identifier: EUPL-1.2
"""What an S3 store must be before a receiver keeps anything there (docs/spec/stores.md §4, 5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from lakzegel_server.errors import ConfigError, RacedError
from lakzegel_server.stores.failing import ExistsError, RefusalError, StoreError
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.s3 import MARK, S3Keyrings, S3Objects
from lakzegel_server.stores.s3client import S3Client, checksum
from lakzegel_server.stores.s3reading import S3Reading
from lakzegel_server.stores.secret import Credentials

KIND: Final = "lakzegel.nl/store/v1"
_MAX_MARK: Final = 1024
_NO_LOCK: Final = frozenset(
    {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}
)
_OF_NOTHING: Final = f'"{"0" * 32}"'  # a tag that no bytes have
_TRIAL: Final = timedelta(days=1)


def open_objects(
    place: S3Place,
    credentials: Credentials | None,
    origin: str,
    clock: Callable[[], float],
    *,
    making: bool = True,
) -> S3Objects:
    """The objects of a log in a bucket that locks them; without ``making`` it must be marked so.

    Raises:
        ConfigError: the bucket does not, or is not this log's.
        StoreError: it cannot be asked now.
    """
    if place.retain_days is None:
        raise ConfigError(f"{place}: needs retain-days: how long what is put there is locked")
    client = S3Client.connect(place, credentials)
    _require_bucket(client)
    if _versioning(client) != "Enabled" or not _has_lock(client):
        raise ConfigError(
            f"{place}: has no Object Lock; make a bucket with it, for one cannot get it later"
        )
    mark = _mark(origin, "objects")
    if making:
        _make_mark(client, mark, _trial_terms(clock))
    _require_mark(client, mark)
    _require_compliance(client, clock)
    return S3Objects(client, clock)


def open_keyrings(
    place: S3Place, credentials: Credentials | None, origin: str, *, making: bool = True
) -> S3Keyrings:
    """The keyrings of a log in a bucket that forgets; without ``making`` it must be marked so.

    Raises:
        ConfigError: the bucket keeps what is deleted, or is not this log's.
        StoreError: it cannot be asked now.
    """
    if place.retain_days is not None:
        raise ConfigError(f"{place}: keyrings are not locked; take retain-days away")
    client = S3Client.connect(place, credentials)
    _require_bucket(client)
    status = _versioning(client)
    if status is not None:
        raise ConfigError(
            f"{place}: versioning is {status.lower()}, so it keeps what is deleted; keyrings need"
            " a bucket that never had versions"
        )
    if _has_lock(client):
        raise ConfigError(f"{place}: has Object Lock; keyrings need a bucket that forgets")
    keyrings, mark = S3Keyrings(client), _mark(origin, "keyrings")
    if making:
        _make_mark(client, mark, {})
        _require_forgetting(keyrings, place)
    _require_mark(client, mark)
    return keyrings


def _require_forgetting(keyrings: S3Keyrings, place: S3Place) -> None:
    trial = f"keyrings/trial-{secrets.token_hex(8)}"
    keyrings.put(trial, b"to be forgotten\n")
    if _replaces_another(keyrings, trial):
        keyrings.remove(trial)
        raise ConfigError(
            f"{place}: put over what is there though it was told not to (If-Match); keyrings need"
            " a store that compares"
        )
    if not keyrings.remove(trial) or keyrings.size(trial) is not None:
        raise ConfigError(f"{place}: what was deleted is still there; keyrings cannot be kept so")


def _replaces_another(keyrings: S3Keyrings, trial: str) -> bool:
    """Whether the store puts over what is there on the condition that it is something else."""
    try:
        keyrings.replace(trial, b"of a receiver that came too late\n", _OF_NOTHING)
    except RacedError:
        return False
    except RefusalError as error:
        if error.status == HTTPStatus.NOT_IMPLEMENTED:
            return True
        raise
    return True


def _require_bucket(client: S3Client) -> None:
    try:
        client.ask("head_bucket")
    except RefusalError as error:
        where = f"{client.place}"
        if error.status == HTTPStatus.NOT_FOUND:
            raise ConfigError(f"{where}: there is no such bucket") from None
        raise ConfigError(f"{where}: {error.strerror}") from None


def _versioning(client: S3Client) -> str | None:
    found: str | None = client.ask("get_bucket_versioning").get("Status")
    return found


def _has_lock(client: S3Client) -> bool:
    try:
        found = client.ask("get_object_lock_configuration")
    except RefusalError as error:
        if error.code in _NO_LOCK:
            return False
        raise
    return bool(found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")


def _mark(origin: str, kind: str) -> bytes:
    return f"{KIND}\nlog {origin}\nkind {kind}\n".encode()


def _make_mark(client: S3Client, mark: bytes, terms: dict[str, Any]) -> None:
    """Mark a store that nobody did, and see that it then refuses another.

    Raises:
        ConfigError: it puts over what is there.
    """
    given = {"Body": mark, "ChecksumSHA256": checksum(mark), "IfNoneMatch": "*", **terms}
    for _ in range(2):
        try:
            client.ask("put_object", MARK, **given)
        except ExistsError:
            return
    raise ConfigError(
        f"{client.place}: put over what is there though it was told not to (If-None-Match); what"
        " is put once needs a store that compares"
    )


def _require_mark(client: S3Client, mark: bytes) -> None:
    """Return when the store is marked as this log's, and for these things."""
    try:
        with S3Reading.open(client, MARK) as reading:
            found = reading.read(_MAX_MARK)
    except FileNotFoundError:
        raise ConfigError(f"{client.place}: no receiver has kept anything there") from None
    if found != mark:
        raise ConfigError(
            f"{client.place}: is another log's, or was made for other things; give a prefix of"
            " its own"
        )


def _trial_terms(clock: Callable[[], float]) -> dict[str, Any]:
    until = datetime.fromtimestamp(int(clock()), UTC) + _TRIAL
    return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}


def _require_compliance(client: S3Client, clock: Callable[[], float]) -> None:
    """Return when the mark is locked as every object is to be; that is tried while it is new."""
    found = client.ask("head_object", MARK)
    if found.get("ObjectLockMode") != "COMPLIANCE":
        raise ConfigError(f"{client.place}: does not lock in compliance mode")
    if found["ObjectLockRetainUntilDate"] <= datetime.fromtimestamp(clock(), UTC):
        return  # it was tried before
    with suppress(StoreError):
        client.ask("delete_object", MARK, VersionId=found["VersionId"])
        raise ConfigError(f"{client.place}: let a locked object be deleted; it locks nothing")
