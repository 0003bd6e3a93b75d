# SPDX-License-Identifier: EUPL-1.2
"""A restart under a socket that is held, a new certificate, signs of life: nothing is lost."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from http.client import HTTPConnection as Connection

import pytest
import requests

from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.run import check
from lakzegel_server.manager import inherited_socket


class Manager:
    """What systemd does: holds the listening socket, starts, restarts, hears from the service."""

    def __init__(self, data, tmp_path, *more):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.bind(str(tmp_path / "notify"))
        self.channel.settimeout(20)
        self.told = []
        # the shell's process becomes the receiver's, so that the number in LISTEN_PID is its own
        serve = f"{sys.executable} -m lakzegel_server serve --data {data}"
        options = " ".join(str(option) for option in more)
        fd = self.socket.fileno()
        self.command = f"exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec {serve} {options}"
        self.environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        self.process = None

    def start(self, **environment):
        self.process = subprocess.Popen(
            ["bash", "-c", self.command],
            pass_fds=[self.socket.fileno()],
            env={**self.environment, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.await_word("READY=1")

    def await_word(self, word):
        while word not in self.told:
            self.told.append(self.channel.recv(4096).decode())
        self.told.remove(word)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.await_word("STOPPING=1")
        _, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        return err

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=20)
        self.socket.close()
        self.channel.close()


@pytest.fixture
def managed(tmp_path, kit):
    """A receiver's DATA and who may ask it; the manager is made by the test."""
    office = kit.Office()
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", office)
    made = []

    def manager(*more):
        made.append(Manager(layout.data, tmp_path, *more))
        return made[-1]

    yield layout, signer.keys, office, tokens, manager
    for one in made:
        one.close()


class Asker(threading.Thread):
    """Sends one request after another, on a connection of its own each or on one that is kept."""

    def __init__(self, work):
        super().__init__()
        self.work, self.count, self.failure = work, 0, None
        self.ending, self.begun = threading.Event(), threading.Event()

    def run(self):
        try:
            while not self.ending.wait(0.01):
                self.work()
                self.count += 1
                self.begun.set()
        except (AssertionError, OSError) as error:  # requests' errors are OSErrors
            self.failure = error

    def end(self):
        self.ending.set()
        self.join()


def test_nobody_notices_a_restart_under_a_socket_that_is_held(managed, kit):
    layout, keys, office, tokens, manager = managed
    held = manager()
    held.start()
    url = f"http://127.0.0.1:{held.port}"
    client = kit.Client(url, keys)
    world = kit.World(layout.data, office, keys, client, None, tokens)
    device = world.enrol()

    def ask_anew():
        assert requests.get(f"{url}/log/checkpoint", timeout=30).status_code == 200

    def seal():
        upload = device.seal([os.urandom(2**16)])
        world.receipt(client.put(upload), upload)

    askers = [Asker(ask_anew), Asker(ask_anew), Asker(seal)]
    for asker in askers:
        asker.start()
    for asker in askers:
        assert asker.begun.wait(20), asker.failure
    held.stop()
    held.start()
    for asker in askers:
        asker.begun.clear()
        assert asker.begun.wait(20), asker.failure
        asker.end()
    client.close()
    assert [asker.failure for asker in askers] == [None] * 3
    held.stop()
    report = check(layout)
    assert (report.doubts, report.batches) == ((), askers[2].count)


def test_signs_of_life_are_given_and_what_comes_at_the_end_is_answered_as_the_last(managed):
    *_, manager = managed
    held = manager()
    held.start(WATCHDOG_USEC="30000")
    for _ in range(3):
        held.await_word("WATCHDOG=1")
    kept, fresh, waiting = (Connection("127.0.0.1", held.port, timeout=20) for _ in range(3))
    assert ask(kept) is None
    fresh.connect()
    held.process.send_signal(signal.SIGTERM)
    held.await_word("STOPPING=1")
    assert (ask(kept), ask(fresh)) == ("close", "close")
    waiting.request("GET", "/v1/health")  # nobody takes it before the next start
    _, err = held.process.communicate(timeout=20)
    assert held.process.returncode == 0, err
    held.start()
    assert answered(waiting) is None
    for connection in (kept, fresh, waiting):
        connection.close()


def ask(connection):
    connection.request("GET", "/v1/health")
    return answered(connection)


def answered(connection):
    answer = connection.getresponse()
    assert answer.status == 200
    answer.read()
    return answer.getheader("connection")


def certificates(tmp_path):
    """Two certificates, one after the other at the same place."""
    for number in ("1", "2"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN=receiver-{number}",
             "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", tmp_path / f"key-{number}.pem", "-out", tmp_path / f"cert-{number}.pem"],
            check=True,
            capture_output=True,
        )  # fmt: skip


def use(tmp_path, number):
    shutil.copy(tmp_path / f"cert-{number}.pem", tmp_path / "cert.pem")
    shutil.copy(tmp_path / f"key-{number}.pem", tmp_path / "key.pem")


def shown(port):
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_a_new_certificate_is_taken_without_a_lost_request_and_a_bad_one_is_not(managed, tmp_path):
    *_, manager = managed
    certificates(tmp_path)
    use(tmp_path, "1")
    held = manager("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    held.start()
    url = f"https://127.0.0.1:{held.port}/v1/health"
    session = requests.Session()
    session.trust_env = False
    session.verify = str(tmp_path / "cert-1.pem")  # a connection that is kept outlives the change
    asker = Asker(lambda: session.get(url, timeout=30).raise_for_status())
    asker.start()
    assert asker.begun.wait(20)
    assert shown(held.port).split() == (tmp_path / "cert-1.pem").read_text().split()
    use(tmp_path, "2")
    held.process.send_signal(signal.SIGHUP)
    new = (tmp_path / "cert-2.pem").read_text().split()
    await_that(lambda: shown(held.port).split() == new)
    (tmp_path / "key.pem").write_text("no key")
    held.process.send_signal(signal.SIGHUP)
    asker.begun.clear()
    assert asker.begun.wait(20)
    asker.end()
    session.close()
    assert asker.failure is None
    assert shown(held.port).split() == new
    assert "stays as it was" in held.stop()


def await_that(condition):
    moved = threading.Event()
    for _ in range(1000):
        if condition():
            return
        moved.wait(0.02)
    raise AssertionError("it never came to that")


def test_more_than_one_socket_is_refused_and_one_for_another_process_is_not_ours(monkeypatch):
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    with pytest.raises(ConfigError, match="one socket"):
        inherited_socket()
    monkeypatch.setenv("LISTEN_PID", "1")
    assert inherited_socket() is None


def test_plain_http_is_not_spoken_on_a_socket_that_others_reach(managed):
    layout, *_ = managed
    serve = f"{sys.executable} -m lakzegel_server serve --data {layout.data}"
    with socket.create_server(("0.0.0.0", 0)) as open_to_all:
        done = subprocess.run(
            [
                "bash",
                "-c",
                f"exec 3<&{open_to_all.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec {serve}",
            ],
            pass_fds=[open_to_all.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "loopback addresses only" in done.stderr
