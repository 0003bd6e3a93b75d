# SPDX-License-Identifier: EUPL-1.2
"""What an S3 store must be, and what a receiver makes of one that fails: stores.md §4, 5."""

import errno
import hashlib
import resource
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from lakzegel_server.errors import ClashError, ConfigError, KeptError
from lakzegel_server.stores import s3client, s3parts
from lakzegel_server.stores.failing import StoreError
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.s3 import S3Keyrings, S3Objects
from lakzegel_server.stores.s3client import S3Client
from lakzegel_server.stores.s3opening import MARK, open_keyrings, open_objects
from lakzegel_server.stores.secret import Credentials
from tests.server.stores.conftest import CONNECT, KNOWN, ORIGIN, Bucket

NAME, KEYRING = "batches/ab12.batch", "keyrings/ab12.keyring"
WAITING = f"keyrings/ab12.{hashlib.sha256(b'new').hexdigest()}.next"
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONFLICT = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FULL = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


# what is locked


def test_an_object_is_locked_until_its_term_ends(s3_objects, object_bucket):
    s3_objects.put(NAME, b"sealed")
    (version,) = object_bucket.versions(NAME)
    place = {"Bucket": object_bucket.name, "Key": version["Key"]}
    for bypass in (False, True):
        with pytest.raises(ClientError, match="AccessDenied"):
            object_bucket.admin.delete_object(
                **place, VersionId=version["VersionId"], BypassGovernanceRetention=bypass
            )
    found = object_bucket.admin.get_object_retention(**place)["Retention"]
    assert found["Mode"] == "COMPLIANCE"
    assert (
        timedelta(hours=23)
        < found["RetainUntilDate"] - datetime.now(UTC)
        <= timedelta(days=1, seconds=1)
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        object_bucket.admin.put_object_retention(
            **place,
            Retention={
                "Mode": "GOVERNANCE",
                "RetainUntilDate": found["RetainUntilDate"] + timedelta(days=1),
            },
        )


def test_a_term_can_be_extended_and_not_shortened(s3_objects, object_bucket):
    s3_objects.put(NAME, b"sealed")
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    s3_objects.extend(NAME, later)
    place = {"Bucket": object_bucket.name, "Key": f"{object_bucket.prefix}/{NAME}"}
    found = object_bucket.admin.get_object_retention(**place)["Retention"]
    assert found["RetainUntilDate"] == later
    with pytest.raises(StoreError, match="refuses"):
        s3_objects.extend(NAME, later - timedelta(days=1))


def test_what_is_locked_is_not_removed(s3_objects, object_bucket):
    s3_objects.put(NAME, b"sealed")
    assert not s3_objects.remove(NAME)
    assert s3_objects.remove("batches/other")
    assert [one["IsLatest"] for one in object_bucket.versions(NAME)] == [True]


def test_what_was_superseded_stays_beside_as_an_earlier_version(s3_objects, object_bucket):
    s3_objects.put(NAME, b"damaged")
    s3_objects.supersede(NAME, b"sealed")
    s3_objects.supersede(NAME, b"sealed")
    assert [one["Size"] for one in object_bucket.versions(NAME)] == [6, 7]


def test_a_file_that_is_settled_over_a_damaged_object_is_what_is_read(
    s3_objects, object_bucket, tmp_path
):
    s3_objects.put(NAME, b"damaged")
    (tmp_path / "work").write_bytes(b"sealed!")
    s3_objects.settle([(tmp_path / "work", NAME)])
    assert s3_objects.read(NAME, 100) == b"sealed!"


def test_a_large_file_goes_in_parts(s3_objects, object_bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(s3parts, "WHOLE", 6 * 2**20)
    monkeypatch.setattr("lakzegel_server.stores.s3.WHOLE", 6 * 2**20)
    monkeypatch.setattr(s3parts, "PART", 5 * 2**20)
    data = bytes(range(256)) * 2**15
    for _ in range(2):  # again: the condition is on the last request
        (tmp_path / "work").write_bytes(data)
        s3_objects.settle([(tmp_path / "work", NAME)])
    assert s3_objects.read(NAME, 2**24) == data
    (version,) = object_bucket.versions(NAME)
    assert version["ETag"].strip('"').endswith("-2")
    with pytest.raises(ClientError, match="AccessDenied"):
        object_bucket.admin.delete_object(
            Bucket=object_bucket.name, Key=version["Key"], VersionId=version["VersionId"]
        )
    left = object_bucket.admin.list_multipart_uploads(Bucket=object_bucket.name)
    assert left.get("Uploads", []) == []
    s3_objects.put(NAME, data)  # of other parts: it is read to compare
    with pytest.raises(ClashError):
        s3_objects.put(NAME, data[:-1] + b"\0")


# what forgets


def test_a_keyring_that_is_promoted_is_the_only_one(s3_keyrings, keyring_bucket):
    s3_keyrings.put(KEYRING, b"old")
    s3_keyrings.put(WAITING, b"new")
    assert list(s3_keyrings.waiting()) == [WAITING]
    s3_keyrings.promote(WAITING, KEYRING, s3_keyrings.version(KEYRING))
    assert s3_keyrings.read(KEYRING, 100) == b"new"
    assert list(s3_keyrings.waiting()) == []
    versions = keyring_bucket.versions()
    names = sorted(one["Key"].partition("/")[2] for one in versions)
    assert names == [KEYRING, MARK]
    assert {one["VersionId"] for one in versions} == {"null"}


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_a_promotion_that_was_cut_off_is_ended_by_the_next_start(s3_keyrings, step, monkeypatch):
    s3_keyrings.put(KEYRING, b"old")
    s3_keyrings.put(WAITING, b"new")
    ask, left, version = S3Client.ask, [step], s3_keyrings.version(KEYRING)

    def dies(*arguments, **named):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return ask(*arguments, **named)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(S3Client, "ask", dies)
        s3_keyrings.promote(WAITING, KEYRING, version)
    assert s3_keyrings.read(KEYRING, 100) in {b"old", b"new"}
    for waiting in list(s3_keyrings.waiting()):
        s3_keyrings.promote(waiting, KEYRING, s3_keyrings.version(KEYRING))
    assert s3_keyrings.read(KEYRING, 100) == b"new"
    assert list(s3_keyrings.waiting()) == []


def test_what_the_network_gives_in_pieces_is_read_whole(s3_keyrings, monkeypatch):
    """And so a keyring that is promoted is no part of one."""
    s3_keyrings.put(KEYRING, b"old")
    s3_keyrings.put(WAITING, b"new")
    read = StreamingBody.read
    monkeypatch.setattr(StreamingBody, "read", lambda body, size: read(body, min(size, 2)))
    assert s3_keyrings.read(WAITING, 100) == b"new"
    assert s3_keyrings.read(WAITING, 1) == b"ne"
    s3_keyrings.promote(WAITING, KEYRING, s3_keyrings.version(KEYRING))
    assert s3_keyrings.read(KEYRING, 100) == b"new"


def test_an_answer_that_was_lost_is_no_error_of_a_replacement(server, admin, plain, proxy):
    """The store has it, and says to the second try that it is not what it was."""
    bucket = Bucket(server, admin, plain, endpoint=proxy.endpoint)
    keyrings = S3Keyrings(CONNECT(bucket.place, KNOWN))
    keyrings.put(KEYRING, b"old")
    version = keyrings.version(KEYRING)
    proxy.after = 0
    keyrings.replace(KEYRING, b"new", version)
    assert keyrings.read(KEYRING, 100) == b"new"


def test_a_keyring_that_was_removed_is_nowhere(s3_keyrings, keyring_bucket):
    s3_keyrings.put(KEYRING, b"old")
    assert s3_keyrings.remove(KEYRING)
    assert s3_keyrings.remove(KEYRING)
    assert keyring_bucket.versions(KEYRING) == []


def test_a_store_that_began_to_keep_versions_is_found_out(server, admin):
    bucket = Bucket(server, admin, server.bucket(lock=False, client=admin))
    keyrings = open_keyrings(bucket.place, KNOWN, ORIGIN)
    keyrings.put(KEYRING, b"old")
    admin.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(KeptError, match="turn versions off"):
        keyrings.remove(KEYRING)


def test_a_batch_never_takes_the_place_of_another_keyring(s3_keyrings, tmp_path):
    s3_keyrings.put(KEYRING, b"in force")
    (tmp_path / "work").write_bytes(b"as first written")
    with pytest.raises(ClashError):
        s3_keyrings.settle([(tmp_path / "work", KEYRING)])
    assert s3_keyrings.read(KEYRING, 100) == b"in force"


# what is refused when it is opened


def test_a_bucket_without_lock_is_refused(keyring_bucket):
    place = S3Place.parse(f"{keyring_bucket.url}&retain-days=1")
    with pytest.raises(ConfigError, match="has no Object Lock; make a bucket with it"):
        open_objects(place, KNOWN, ORIGIN, time.time)


def test_a_bucket_that_locks_is_refused_for_keyrings(server, admin, locked):
    with pytest.raises(ConfigError, match="never had versions"):
        open_keyrings(Bucket(server, admin, locked).place, KNOWN, ORIGIN)


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_bucket_that_has_or_had_versions_is_refused_for_keyrings(server, admin, status):
    bucket = Bucket(server, admin, server.bucket(lock=False, client=admin))
    admin.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": status})
    with pytest.raises(ConfigError, match=f"versioning is {status.lower()}"):
        open_keyrings(bucket.place, KNOWN, ORIGIN)


@pytest.mark.parametrize("condition", ["IfMatch", "IfNoneMatch"])
def test_a_store_that_does_not_compare_is_refused(keyring_bucket, condition, monkeypatch):
    ask = S3Client.ask

    def heedless(client, *operation, **arguments):
        arguments.pop(condition, None)
        return ask(client, *operation, **arguments)

    monkeypatch.setattr(S3Client, "ask", heedless)
    with pytest.raises(ConfigError, match="put over what is there though it was told not to"):
        open_keyrings(keyring_bucket.place, KNOWN, ORIGIN)
    assert keyring_bucket.versions("keyrings/") == []


def test_a_store_is_one_logs(object_bucket, keyring_bucket):
    open_objects(object_bucket.place, KNOWN, ORIGIN, time.time)
    open_objects(object_bucket.place, KNOWN, ORIGIN, time.time)
    assert len(object_bucket.versions(MARK)) == 1
    with pytest.raises(ConfigError, match="another log's"):
        open_objects(object_bucket.place, KNOWN, "log.example/other", time.time)
    open_keyrings(keyring_bucket.place, KNOWN, ORIGIN)
    assert [one["Key"].partition("/")[2] for one in keyring_bucket.versions()] == [MARK]
    with pytest.raises(ConfigError, match="another log's"):
        open_keyrings(keyring_bucket.place, KNOWN, "log.example/other")


def test_how_long_is_said_by_the_operator(object_bucket, keyring_bucket):
    with pytest.raises(ConfigError, match="needs retain-days"):
        open_objects(keyring_bucket.place, KNOWN, ORIGIN, time.time)
    with pytest.raises(ConfigError, match="take retain-days away"):
        open_keyrings(object_bucket.place, KNOWN, ORIGIN)


def test_a_bucket_that_is_not_there_is_said(object_bucket):
    place = S3Place.parse(object_bucket.url.replace(object_bucket.name, "no-such-bucket"))
    with pytest.raises(ConfigError, match="no such bucket"):
        open_objects(place, KNOWN, ORIGIN, time.time)


@pytest.mark.parametrize("known", [Credentials("key", "wrong"), Credentials("nobody", "secret")])
def test_wrong_credentials_are_said_and_not_shown(object_bucket, known):
    with pytest.raises(ConfigError, match="refuses these credentials") as refusal:
        open_objects(object_bucket.place, known, ORIGIN, time.time)
    assert "wrong" not in str(refusal.value)
    assert "wrong" not in repr(known)


# a store that fails


@pytest.fixture
def shaky(object_bucket, server, admin, locked, proxy, monkeypatch):
    """Objects behind the proxy, with a client that waits for a moment only."""
    monkeypatch.setattr(s3client, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(s3client, "TRIES", 2)
    bucket = Bucket(server, admin, locked, endpoint=proxy.endpoint, days=1)
    return S3Objects(CONNECT(bucket.place, KNOWN), time.time)


def test_a_store_that_is_busy_is_asked_again_and_then_said_to_be(shaky, proxy):
    proxy.answer = BUSY
    with pytest.raises(StoreError, match="503") as failure:
        shaky.put(NAME, b"sealed")
    assert failure.value.errno == errno.EIO
    proxy.answer = None
    shaky.put(NAME, b"sealed")
    assert shaky.read(NAME, 100) == b"sealed"


def test_a_store_that_is_full_says_so(shaky, proxy):
    proxy.answer = FULL
    with pytest.raises(StoreError, match="no room") as failure:
        shaky.put(NAME, b"sealed")
    assert failure.value.errno == errno.ENOSPC


def test_a_store_that_stalls_is_not_waited_for_long(shaky, proxy):
    proxy.held.clear()
    with pytest.raises(StoreError, match="does not answer") as failure:
        shaky.put(NAME, b"sealed")
    assert failure.value.errno == errno.ETIMEDOUT


def test_an_answer_that_was_lost_is_no_error_of_the_next_put(shaky, proxy):
    """The store has it, and says to the second try that it has."""
    proxy.after = 0
    shaky.put(NAME, b"sealed")
    assert shaky.read(NAME, 100) == b"sealed"


def test_a_read_that_is_cut_off_goes_on_where_it_was(shaky, proxy):
    data = bytes(range(256)) * 2**12
    shaky.put(NAME, data)
    with shaky.open(NAME) as reading:
        first = reading.read(1000)
        shaky.supersede(NAME, b"something else")
        proxy.after = 300_000
        reading._body.close()
        rest = b"".join(iter(lambda: reading.read(2**18), b""))
    assert first + rest == data


def test_a_name_that_two_put_at_the_same_moment_is_asked_for_as_often_as_any(shaky, proxy):
    proxy.answer = CONFLICT
    with pytest.raises(StoreError, match="409"):
        shaky.put(NAME, b"sealed")
    assert proxy.asked == s3client.TRIES


@pytest.fixture
def torn(server, admin, plain, proxy, shaky):
    """A keyring that is being read, and its store; the connection is lost."""
    bucket = Bucket(server, admin, plain, endpoint=proxy.endpoint)
    keyrings = S3Keyrings(CONNECT(bucket.place, KNOWN))
    keyrings.put(KEYRING, bytes(range(256)))
    with keyrings.open(KEYRING) as reading:
        reading.read(100)
        reading._body.close()
        yield reading, keyrings


def test_what_became_another_while_it_was_read_is_not_gone_on_with(torn):
    reading, keyrings = torn
    keyrings.supersede(KEYRING, bytes(256))
    with pytest.raises(StoreError, match="was replaced while it was read"):
        reading.read(100)


def test_what_was_removed_while_it_was_read_is_not_there(torn):
    reading, keyrings = torn
    keyrings.remove(KEYRING)
    with pytest.raises(FileNotFoundError):
        reading.read(100)


def test_a_store_that_is_busy_while_it_is_read_is_said_to_be_and_not_asked_for_ever(torn, proxy):
    reading, _ = torn
    proxy.answer = BUSY
    with pytest.raises(StoreError, match="503"):
        reading.read(100)
    assert proxy.asked == s3client.TRIES
    proxy.answer = None


def test_a_machine_without_room_for_a_connection_does_not_blame_the_store(shaky):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="from here: Too many open files") as failure:
            shaky.put(NAME, b"sealed")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert failure.value.errno == errno.EMFILE
    assert not isinstance(failure.value, StoreError)


def test_nobody_there_is_said(object_bucket, monkeypatch):
    monkeypatch.setattr(s3client, "TRIES", 1)
    place = replace(object_bucket.place, endpoint="http://127.0.0.1:1")
    with pytest.raises(StoreError, match="cannot be reached"):
        open_objects(place, KNOWN, ORIGIN, time.time)


def test_many_threads_put_at_once(s3_objects):
    names = [f"batches/{number}.batch" for number in range(16)]
    threads = [threading.Thread(target=s3_objects.put, args=(one, b"1")) for one in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(s3_objects.names("batches/")) == sorted(names)
