# SPDX-License-Identifier: EUPL-1.2
"""Several real receivers on one real database, a plain proxy before them, and whoever uses them."""

import argparse
import asyncio
import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.merkle import verify_consistency
from lakzegel_core.receipt import verify_receipt
from lakzegel_core.tiles import HashReader
from lakzegel_server import accounts
from lakzegel_server.accounts import AccountRole
from lakzegel_server.commands import placed
from lakzegel_server.database import Database
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState
from lakzegel_server.settings import load

TURN = int.from_bytes(hashlib.sha256(b"lakzegel.nl/lock/v1\nturn\n").digest()[:4])
IN_TURN = (
    "SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s"
)
SHARED = ("batches", "keyrings", "annexes", "trail", "timestamps", "log")  # when objects are files
COPIED = (
    "keys",
    "server.toml",
    "log.keys",
    "log.vkey",
)  # what makes another receiver of the same log


class Receiver:
    """`lakzegel-server serve` in a process of its own, at an address that stays."""

    def __init__(self, data):
        self.data = data
        self.process = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def listening(self):
        return self.data / "listening"

    @property
    def log(self):
        """What it said."""
        return self.data.parent / f"{self.data.name}.log"

    def start(self):
        """Begin; ``wait`` for it to answer."""
        self.listening.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lakzegel_server", "serve", "--data", str(self.data),
                 "--listen", f"127.0.0.1:{self.port}"],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        return self

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while not self.listening.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the receiver does not come up"
            time.sleep(0.02)  # another process's file: nothing to await
        return self

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self, number=signal.SIGKILL):
        self.send(number)
        return self.process.wait(30)


class Proxy:
    """One address for several receivers: each connection to the next that takes it."""

    def __init__(self, ports):
        self._ports = list(ports)
        self._next = 0
        self._is_cut = False
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(
            asyncio.sleep(0.01)
        )  # what was aborted is closed a turn later
        self._loop.close()

    def cut(self):
        """Let nobody through, and end what is under way."""
        self._is_cut = True
        self._loop.call_soon_threadsafe(self._abort)

    def mend(self):
        """Let everybody through again."""
        self._is_cut = False

    def _abort(self):
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        if self._is_cut:
            writer.transport.abort()
            return
        for _ in self._ports:
            self._next += 1
            port = self._ports[self._next % len(self._ports)]
            try:
                there = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            both = {writer, there[1]}
            self._open |= both
            try:
                await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))
            except asyncio.CancelledError:
                for one in both:
                    one.transport.abort()
                raise
            finally:
                self._open -= both
            return
        writer.transport.abort()


async def _pipe(reader, writer):
    with contextlib.suppress(OSError):
        while block := await reader.read(2**16):
            writer.write(block)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


class Witnessed:
    """Every checkpoint that anybody was ever shown."""

    def __init__(self, keys):
        self._keys = keys
        self._lock = threading.Lock()
        self._trees = set()
        self._last = b""

    def take(self, data):
        if data != self._last:
            tree = open_checkpoint(data, self._keys).checkpoint
            with self._lock:
                self._trees.add((tree.size, tree.root))
            self._last = data

    def trees(self):
        with self._lock:
            return sorted(self._trees)


class Pusher(threading.Thread):
    """A device that seals batch after batch, and sends each until it has a receipt."""

    def __init__(self, cluster, device, size=200):
        super().__init__()
        self.cluster, self.device, self.size = cluster, device, size
        self.client = cluster.kit.Client(cluster.url, cluster.keys)
        self.receipts = {}  # name of the batch -> index
        self.sent = []
        self.wrong = None
        self.again = 0  # answers that asked to come again, or did not come
        self.longest = 0.0  # seconds until a receipt
        self.seen = None

    def run(self):
        while not self.cluster.over.is_set() and self.wrong is None:
            self.push(self.device.seal([os.urandom(self.size)]))
        self.client.close()

    def push(self, upload):
        self.sent.append(upload.name)
        began = time.monotonic()
        while (answer := self._put(upload)) is None or answer.status_code == 503:
            self.again += 1
            if time.monotonic() - began > 90:
                self.wrong = "no receipt within 90 s"
                return
            time.sleep(0.05)  # as an agent does, only sooner
        if answer.status_code != 200:
            self.wrong = f"{answer.status_code} {answer.text}"
            return
        self.longest = max(self.longest, time.monotonic() - began)
        receipt = verify_receipt(
            answer.content, entry=upload.note, log=self.cluster.keys, seen=self.seen
        )
        self.cluster.witnessed.take(receipt.signed.data)
        self.receipts[upload.name] = receipt.index

    def _put(self, upload):
        try:
            return self.client.put(upload)
        except requests.RequestException:
            self.client.close()  # or the session goes on with the connection of one who is gone
            return None


class Poller(threading.Thread):
    """Asks whoever answers for the checkpoint, all the time; it never becomes smaller."""

    def __init__(self, cluster, pause=0.02):
        super().__init__()
        self.cluster, self.pause = cluster, pause
        self.wrong = None

    def run(self):
        client, size = self.cluster.kit.Client(self.cluster.url, self.cluster.keys), 0
        while not self.cluster.over.wait(self.pause):
            try:
                answer = client("GET", "/log/checkpoint")
            except requests.RequestException:
                client.close()
                continue
            if answer.status_code != 200:
                continue
            self.cluster.witnessed.take(answer.content)
            there = open_checkpoint(answer.content, self.cluster.keys).checkpoint.size
            if there < size:
                self.wrong = f"a checkpoint of {there} after one of {size}"
            size = there
            client.close()  # the next question goes to another receiver
        client.close()


@dataclass
class Cluster:
    """Receivers of one log, whoever uses them, and what has to be true in the end."""

    kit: object
    office: object
    keys: object
    receivers: list
    proxy: Proxy
    tokens: dict
    witnessed: Witnessed
    over: threading.Event = field(default_factory=threading.Event)
    dice: random.Random = field(default_factory=random.Random)

    @property
    def url(self):
        return self.proxy.url

    def client(self):
        return self.kit.Client(self.url, self.keys)

    def enrol(self, count):
        client = self.kit.Client(self.receivers[0].url, self.keys)
        world = self.kit.World(
            self.receivers[0].data, self.office, self.keys, client, None, self.tokens
        )
        devices = [world.enrol(f"device-{number}") for number in range(count)]
        client.close()
        return devices

    @contextlib.contextmanager
    def under_load(self, devices):
        """Devices push and somebody polls meanwhile; yields the pushers."""
        pushers = [Pusher(self, device) for device in devices]
        poller = Poller(self)
        for thread in (*pushers, poller):
            thread.start()
        try:
            yield pushers
        finally:
            self.over.set()
            for thread in (*pushers, poller):
                thread.join()
        assert [one.wrong for one in (*pushers, poller)] == [None] * (len(pushers) + 1)

    def receipts(self, pushers):
        """How many receipts were given so far."""
        return sum(len(one.receipts) for one in pushers)

    def kill_one(self):
        """Kill one of them, whichever, and start it again."""
        one = self.dice.choice(self.receivers)
        one.kill()
        one.start().wait()

    def newest(self):
        """Entries of the largest tree that anybody saw."""
        return max((size for size, _ in self.witnessed.trees()), default=0)

    def wait_beyond(self, size, *, at=None, seconds=40):
        """Wait until somebody, or this receiver, shows more entries than that."""
        end = time.monotonic() + seconds
        client = self.kit.Client((at or self).url, self.keys)
        while True:
            with contextlib.suppress(requests.RequestException):
                answer = client("GET", "/log/checkpoint")
                if answer.status_code == 200:
                    self.witnessed.take(answer.content)
                    if open_checkpoint(answer.content, self.keys).checkpoint.size > size:
                        break
            client.close()
            assert time.monotonic() < end, "the log does not grow"
            time.sleep(0.05)
        client.close()

    def in_turn(self, database, *, but=None, seconds=30):
        """Whoever sequences at some moment from now on, and its session in the database."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rows = [row for row in database.ask(IN_TURN, TURN) if row[1] != but]
            if rows:
                name, session = rows[0]
                return next(one for one in self.receivers if one.data.name == name), session
        raise AssertionError("nobody sequences")

    def caught_in_turn(self, database):
        """Whoever sequences, stopped in the middle of it."""
        while True:
            one, session = self.in_turn(database)
            one.send(signal.SIGSTOP)
            time.sleep(0.1)  # or its last words are still on their way
            if [row[1] for row in database.ask(IN_TURN, TURN)] == [session]:
                return one, session
            one.send(signal.SIGCONT)

    def final(self):
        """The newest checkpoint, which every receiver shows."""
        end = time.monotonic() + 20
        while True:
            found = set()
            for one in self.receivers:
                client = self.kit.Client(one.url, self.keys)
                answer = client("GET", "/log/checkpoint")
                client.close()
                if answer.status_code == 200:
                    found.add(open_checkpoint(answer.content, self.keys).checkpoint)
                else:
                    found.add(answer.text)
            if len(found) == 1 and not isinstance(next(iter(found)), str):
                return found.pop()
            assert time.monotonic() < end, found
            time.sleep(0.1)

    def judge(self, pushers):
        """Everything that was promised is so; the newest checkpoint."""
        tree = self.final()
        with opened(self.receivers[0].data) as layout:
            assert [str(doubt) for doubt in check(layout).doubts] == []
        self.witnessed.take(self.client()("GET", "/log/checkpoint").content)
        require_one_log(self, tree)
        require_batches_once(self, pushers)
        return tree


def require_one_log(cluster, tree):
    """Each tree that was ever shown is the beginning of the log as it is now."""
    client = cluster.client()

    def read(path):
        answer = client("GET", f"/log/{path}")
        assert answer.status_code == 200, (path, answer.text)
        return answer.content

    trees = cluster.witnessed.trees()
    assert len({size for size, _ in trees}) == len(trees)
    log = HashReader(tree.size, read)
    for size, root in trees:
        assert log.root(size) == root
        proof = log.consistency(size) if size else []
        if size:
            verify_consistency(
                old_size=size, new_size=tree.size, old_root=root, new_root=tree.root, proof=proof
            )
    client.close()


def require_batches_once(cluster, pushers):
    """Each batch with a receipt is in the log at the index that it names, and only there."""
    with opened(cluster.receivers[0].data) as layout:
        database = Database.open_readonly(layout.database)
        rows = database.connection.execute("SELECT idx, id FROM entries ORDER BY idx").fetchall()
        database.close()
    assert [index for index, _ in rows] == list(range(len(rows)))
    places = {bytes(entry_id).hex(): index for index, entry_id in rows}
    assert len(places) == len(rows), "an entry is in the log twice"
    client = cluster.client().as_(cluster.tokens["records"])
    for pusher in pushers:
        for name, index in pusher.receipts.items():
            assert places[name] == index
        for name in cluster.dice.sample(list(pusher.receipts), min(20, len(pusher.receipts))):
            assert client("GET", f"/v1/batches/{name}").status_code == 200
            assert client("GET", f"/v1/keyrings/{name}").status_code == 200
    client.close()


@dataclass
class Places:
    """Where all receivers of a log have what they share."""

    address: object  # of the index
    objects: str = ""  # addresses of S3; files below DATA of the first where there are none
    keyrings: str = ""
    credentials: Path | None = None

    def settings(self, name):
        """What `settings.toml` of one receiver says; by its name the server knows whose it is."""
        lines = [f'database = "{self.address.url}&application_name={name}"']
        for kind in ("objects", "keyrings"):
            if url := getattr(self, kind):
                lines += [f'{kind} = "{url}"', f'{kind}_credentials = "{self.credentials}"']
        return "\n".join(["[stores]", *lines, ""])

    def prepare(self, data):
        """Make a folder for a receiver."""
        data.mkdir(mode=0o700)
        (data / "settings.toml").write_text(self.settings(data.name))
        return data


@contextlib.contextmanager
def opened(data, origin=None):
    """The layout of a receiver with its stores, as its commands have it."""
    nothing = argparse.Namespace(data=data, database=None, objects=None, keyrings=None)
    settings = load(Layout(data))
    with placed.stored(nothing, settings, placed.placed(nothing, settings), origin=origin) as made:
        yield made


def make_log(kit, data):
    """A new log with the office's delegation; its keys, the office's, and accounts."""
    office, signer = kit.Office(), create(data, kit.ORIGIN, os.urandom(64))
    with opened(data, kit.ORIGIN) as layout:
        log = LogState.open(layout, signer, clock=lambda: kit.NOW)
        assert log.append([office.delegation()]) == [0]
        assert log.append([office.policy_note(1, "group:bewindspersonen")]) == [1]
        log.close()
        database = Database.open(layout.database)
        tokens = {
            role.value: accounts.add(
                database, f"{role}-person", role, secret=os.urandom(32), now="2026-11-24T02:00:00Z"
            )
            for role in AccountRole
        }
        database.close()
    return signer, office, tokens


def another(first, data, *, share):
    """DATA of one more receiver of the same log: its keys, and the folders that all share."""
    for name in COPIED:
        copy = shutil.copytree if (first / name).is_dir() else shutil.copy2
        copy(first / name, data / name)
    for name in share:
        (data / name).symlink_to(first / name)


@contextlib.contextmanager
def serving(kit, folder, places, count=3):
    """So many receivers of one new log, behind a proxy."""
    folders = [places.prepare(Path(folder) / f"receiver-{n}") for n in range(1, count + 1)]
    signer, office, tokens = make_log(kit, folders[0])
    receivers = [Receiver(data) for data in folders]
    receivers[0].start().wait()  # which makes the trail's key
    for one in receivers[1:]:
        another(folders[0], one.data, share=() if places.objects else SHARED)
        one.start()
    try:
        for one in receivers:
            one.wait()
        with Proxy([one.port for one in receivers]) as proxy:
            yield Cluster(
                kit, office, signer.keys, receivers, proxy, tokens, Witnessed(signer.keys)
            )
    finally:
        for one in receivers:
            one.send(signal.SIGCONT)
            one.kill()
