# SPDX-License-Identifier: EUPL-1.2
"""Every kind of store, empty: files, and a real S3 server with Object Lock."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from lakzegel_server.layout import Layout, make_folders
from lakzegel_server.stores import s3client
from lakzegel_server.stores.files import FileStore, KeyringFiles
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.s3opening import open_keyrings, open_objects
from lakzegel_server.stores.secret import Credentials
from tests import s3server

ORIGIN = "log.example/test"
CONNECT = s3client.S3Client.connect
KNOWN = Credentials(s3server.KEY, s3server.SECRET)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if s3server.program() is None:
        pytest.skip("weed, an S3 server with Object Lock, is not installed")
    with s3server.running(tmp_path_factory.mktemp("s3") / "weed") as running:
        yield running


@pytest.fixture(scope="session")
def admin(server):
    """What may do everything that a store lets anybody do."""
    with closing(server.client) as client:
        yield client


@pytest.fixture(scope="session")
def locked(server, admin):
    return server.bucket(lock=True, client=admin)


@pytest.fixture(scope="session")
def plain(server, admin):
    return server.bucket(lock=False, client=admin)


class Bucket:
    """A prefix of its own in a bucket, new in every test."""

    count = 0

    def __init__(self, server, admin, name, *, endpoint=None, days=None):
        Bucket.count += 1
        self.admin, self.name, self.prefix = admin, name, f"p{Bucket.count}"
        query = f"endpoint={endpoint or server.endpoint}"
        self.url = f"s3://{name}/{self.prefix}?{query}"
        if days:
            self.url += f"&retain-days={days}"

    @property
    def place(self):
        return S3Place.parse(self.url)

    def versions(self, key=""):
        """Every version below the prefix, the newest of each key first."""
        found = self.admin.list_object_versions(Bucket=self.name, Prefix=f"{self.prefix}/{key}")
        return found.get("Versions", []) + found.get("DeleteMarkers", [])

    def put(self, key, data):
        self.admin.put_object(Bucket=self.name, Key=f"{self.prefix}/{key}", Body=data)

    def get(self, key):
        return self.admin.get_object(Bucket=self.name, Key=f"{self.prefix}/{key}")["Body"].read()


@pytest.fixture
def object_bucket(server, admin, locked):
    return Bucket(server, admin, locked, days=1)


@pytest.fixture
def keyring_bucket(server, admin, plain):
    return Bucket(server, admin, plain)


@pytest.fixture
def s3_objects(object_bucket):
    return open_objects(object_bucket.place, KNOWN, ORIGIN, time.time)


@pytest.fixture
def s3_keyrings(keyring_bucket):
    return open_keyrings(keyring_bucket.place, KNOWN, ORIGIN)


def below(kind, folder):
    make_folders(Layout(folder))
    return kind(folder, folder / "incoming")


@pytest.fixture(params=["files", "s3"])
def objects(request, tmp_path):
    if request.param == "files":
        return below(FileStore, tmp_path / "data")
    return request.getfixturevalue("s3_objects")


@pytest.fixture(params=["files", "s3"])
def keyrings(request, tmp_path):
    if request.param == "files":
        return below(KeyringFiles, tmp_path / "data")
    return request.getfixturevalue("s3_keyrings")


@pytest.fixture(params=["objects-files", "objects-s3", "keyrings-files", "keyrings-s3"])
def store(request, tmp_path):
    kind, _, where = request.param.partition("-")
    if where == "files":
        return below(FileStore if kind == "objects" else KeyringFiles, tmp_path / "data")
    return request.getfixturevalue(f"s3_{kind}")


class Proxy:
    """Between a client and a server: hands on, and does what a network can do to both."""

    def __init__(self, port):
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.answer = None  # these bytes in the place of what the server says
        self.asked = 0  # so often was that said
        self.after = None  # of so many bytes from the server, end the connection
        self.held = threading.Event()  # while it is clear, nothing comes back
        self.held.set()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.held.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self):
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(ours,), daemon=True).start()

    def _join(self, ours):
        with ours, socket.create_connection(("127.0.0.1", self._to)) as theirs:
            ways = ((ours, theirs, self._up), (theirs, ours, self._down))
            threads = [threading.Thread(target=self._hand_on, args=way) for way in ways]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _hand_on(self, source, target, way):
        with suppress(OSError):
            while data := source.recv(65_536):
                if not way(data, source, target):
                    break
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _up(self, data, source, target):
        if self.answer is not None:
            self.asked += 1
            source.sendall(self.answer)
            return False
        target.sendall(data)
        return True

    def _down(self, data, source, target):
        self.held.wait()
        if self.after is not None:
            target.sendall(data[: self.after])
            self.after = None
            return False
        target.sendall(data)
        return True


@pytest.fixture
def proxy(server):
    between = Proxy(server.port)
    yield between
    between.close()


@pytest.fixture(scope="session")
def connected():
    """One client of botocore's for every place at an endpoint: to make one takes 0.1 s."""
    made = {}

    def connect(place, credentials):
        key = (place.endpoint, credentials, s3client.ANSWER_SECONDS)
        if key not in made:
            made[key] = CONNECT(place, credentials)
        return s3client.S3Client(made[key]._client, place)

    yield connect
    for client in made.values():
        client.close()


@pytest.fixture(autouse=True)
def _one_client(connected, monkeypatch):
    monkeypatch.setattr(s3client.S3Client, "connect", connected)
