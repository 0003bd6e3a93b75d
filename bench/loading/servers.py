# SPDX-License-Identifier: EUPL-1.2
"""What is loaded: a receiver by its own command line, and nginx as the floor to compare with.

nginx's WebDAV PUT makes nothing durable. So the generator, which has the disk before it, does what
a careful operator's script would do after each 201: fsync of the file, fsync of its folder.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.loading.batches import Upload
from bench.loading.client import Engine, Target
from bench.loading.phase import request
from bench.measure import MB, BenchError

READY: Final = 120.0  # seconds for a receiver that replays a long log
LOOK: Final = 10.0  # seconds of one look at what a receiver does
LOOKS: Final = 30
CALM: Final = 0.1  # of a core
SYNCERS: Final = 8
ORIGIN: Final = "log.example/load"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, and what its clients trust."""

    cert: Path
    key: Path


def lakzegel_server(*arguments: str | Path) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "lakzegel_server", *map(str, arguments)]


def init(data: Path) -> None:
    """Make a DATA."""
    _run(lakzegel_server("init", "--data", data, "--name", ORIGIN))


def check(data: Path) -> None:
    """Return when the receiver's own check finds nothing wrong.

    Raises:
        BenchError: it does.
    """
    _run(lakzegel_server("check", "--data", data))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command[2:4])}: {(done.stderr or done.stdout)[-500:].strip()}")


@contextmanager
def receiver(data: Path, certificate: Certificate | None, log: Path) -> Iterator[tuple[int, str]]:
    """The process id and the URL of a receiver that answers."""
    files: tuple[str | Path, ...] = ()
    if certificate is not None:
        files = ("--tls-cert", certificate.cert, "--tls-key", certificate.key)
    listening = data / "listening"
    listening.unlink(missing_ok=True)
    command = lakzegel_server("serve", "--data", data, "--listen", "127.0.0.1:0", *files)
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _await(listening.exists, process, log)
        yield process.pid, listening.read_text().strip()
    finally:
        process.terminate()
        process.wait()


def calm(pid: int) -> None:
    """Return when a receiver that was begun has looked at all its devices, as every start does.

    Raises:
        BenchError: it has not within some minutes.
    """
    process = psutil.Process(pid)
    for _ in range(LOOKS):
        before = sum(process.cpu_times()[:2])
        time.sleep(LOOK)
        if sum(process.cpu_times()[:2]) - before < CALM * LOOK:
            return
    raise BenchError(f"the receiver (process {pid}) does not come to rest after its start")


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").splitlines()[-2:]
            raise BenchError(f"a server did not begin to answer: {' / '.join(last)}")
        time.sleep(0.05)


CONFIG: Final = """daemon off; worker_processes 2; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 1000000; keepalive_timeout 75s;
  client_body_temp_path {work}/nginx-body; proxy_temp_path {work}/nginx-x;
  fastcgi_temp_path {work}/nginx-x; uwsgi_temp_path {work}/nginx-x; scgi_temp_path {work}/nginx-x;
  server {{
    listen 127.0.0.1:{port} {tls};
    {certificate}
    root {work}/nginx-files; dav_methods PUT; dav_access user:rw;
  }}
}}
"""


@contextmanager
def nginx(work: Path, certificate: Certificate | None) -> Iterator[tuple[int, str]]:
    """The process id and the URL of an nginx that takes files by PUT."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise BenchError("nginx: not installed; --no-floor does without")
    (work / "nginx-files").mkdir(exist_ok=True)
    port, told, scheme = _free_port(), "", "http"
    if certificate is not None:
        scheme = "https"
        told = (
            f"ssl_certificate {certificate.cert}; ssl_certificate_key {certificate.key};"
            " ssl_protocols TLSv1.3;"
        )
    text = CONFIG.format(work=work, port=port, tls="ssl" if told else "", certificate=told)
    config, log = work / "nginx.conf", work / "nginx.log"
    config.write_text(("user root;\n" if os.geteuid() == 0 else "") + text)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, "-c", str(config), "-p", str(work)], stdout=output, stderr=output
        )
    try:
        _await(lambda: _answers(port), process, log)
        yield process.pid, f"{scheme}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


class Files:
    """The road to nginx: what was fsynced, with its folder, is durable."""

    ok = 201

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._pool = ThreadPoolExecutor(SYNCERS)

    def pieces(self, upload: Upload, target: Target) -> list[memoryview]:
        """A PUT of the same bytes."""
        head = request("PUT", f"/{upload.name}", target, len(upload.body))
        return [memoryview(head), upload.body]

    def kept(self, upload: Upload, done: Callable[[float], None]) -> None:
        """After both fsyncs, in another thread."""
        self._pool.submit(self._sync, upload.name, done)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _sync(self, name: str, done: Callable[[float], None]) -> None:
        for path in (self._folder / name, self._folder):
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(number)
            finally:
                os.close(number)
        at = time.perf_counter()
        self._engine.from_thread(lambda: done(at))


@dataclass(slots=True)
class Used:
    """What a family of processes used since ``begin``; memory as the system counts it."""

    pids: tuple[int, ...]
    cpu: float = 0.0
    peak: float = 0.0

    def begin(self) -> None:
        """From now on."""
        self.cpu = self._cpu()

    def seconds(self) -> float:
        """Processor time since."""
        return self._cpu() - self.cpu

    def look(self) -> None:
        """Take the resident size of now into the highest one."""
        now = sum(one.memory_info().rss for one in self._all()) / MB
        self.peak = max(self.peak, now)

    def _all(self) -> list[psutil.Process]:
        found = [psutil.Process(pid) for pid in self.pids]
        return [*found, *(child for one in found for child in one.children(recursive=True))]

    def _cpu(self) -> float:
        return sum(one.cpu_times().user + one.cpu_times().system for one in self._all())
