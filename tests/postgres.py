# SPDX-License-Identifier: EUPL-1.2
"""A real PostgreSQL of the tests' own: one cluster for all their processes, a schema a test.

It runs as a user who may do nothing else, listens on a socket only, and ends with the last process
that uses it.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from lakzegel_server.index.place import Address

ROLE = "lakzegel"  # who has the index: nobody else, and no right over the server
PREFIX = "lakzegel-pg-"  # of the folders of clusters
USERS = "users"  # in each: the file on which its users hold a lock
OPTIONS = (
    "-c listen_addresses='' -c unix_socket_directories={folder} -c shared_buffers=16MB"
    " -c max_connections=100 -c autovacuum=off -c max_wal_size=64MB -c min_wal_size=32MB"
)


def programs():
    """The folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if found:
        return found[-1].parent
    known = shutil.which("postgres")
    return Path(known).parent if known else None


def _version(path):
    return int(path.parts[-3]) if path.parts[-3].isdecimal() else 0


class Cluster:
    """A server and its data, below one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.bin = programs()

    @classmethod
    def make(cls):
        """One in a new folder, which other users may enter: the server is one of them."""
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        made = cls(folder)
        folder.chmod(0o755)
        user = _user()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        made.run("initdb", "-D", made.data, "-A", "trust", "-U", "postgres", "--no-sync",
                 "--locale=C.UTF-8", "-E", "UTF8")  # fmt: skip
        made.start()
        made.do(f"CREATE ROLE {ROLE} LOGIN")
        return made

    def start(self, *more):
        """Start it; ready when this returns."""
        options = " ".join([OPTIONS.format(folder=self.folder), *more])
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode="fast"):
        """Stop it: ``fast`` ends connections, ``immediate`` is as a power cut."""
        self.run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def end(self):
        """Stop it, and leave nothing."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program, *arguments, check=True):
        """Run one of its programs as its user."""
        user = _user()
        drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        subprocess.run(
            [*(drop if user else ()), self.bin / program, *map(str, arguments)],
            check=check,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
        )

    def url(self, user="postgres"):
        """Where it answers, by default to a superuser."""
        return f"postgresql:///postgres?host={self.folder}&user={user}"

    def address(self, schema):
        """An index in a schema of its own."""
        with psycopg.connect(self.url(), autocommit=True) as link:
            link.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {ROLE}")
        named = f"{self.url(user=ROLE)}&application_name={schema}"
        return Address(f"{named}&options=-csearch_path%3D{schema}")

    def drop(self, schema):
        """Take it away."""
        self.do(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def cut(self, address):
        """End every connection of an index, as a broken network or an operator would."""
        sql = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        ((count,),) = self.ask(f"{sql} WHERE application_name = %s", schema_of(address))
        assert count

    def connected(self, address):
        """How many connections an index has."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return self.ask(sql, schema_of(address))[0][0]

    @contextmanager
    def small_disk(self):
        """A table space of 4 MiB; no server is stopped by one that is full."""
        folder = self.folder / f"small-{os.getpid()}"
        with small_disk(folder):
            user = _user()
            if user is not None:
                os.chown(folder, user.pw_uid, user.pw_gid)
            self.do(f"CREATE TABLESPACE small LOCATION '{folder}'")
            self.do(f"GRANT CREATE ON TABLESPACE small TO {ROLE}")
            try:
                yield "small"
            finally:
                self.do("DROP TABLESPACE small")

    def do(self, sql):
        """Do something as a superuser."""
        with psycopg.connect(self.url(), autocommit=True) as link:
            link.execute(sql)

    def within(self, address, sql):
        """Do something to an index behind its program's back."""
        with psycopg.connect(address.url, autocommit=True) as link:
            link.execute(sql)

    def ask(self, sql, *parameters):
        """The rows of a question by a superuser."""
        with psycopg.connect(self.url(), autocommit=True) as link:
            return link.execute(sql, parameters or None).fetchall()


def schema_of(address):
    """The schema of an index that a cluster made."""
    return address.url.rpartition("%3D")[2]


@contextmanager
def small_disk(folder):
    """A disk of 4 MiB at a folder that is not there yet."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def _user():
    """Whoever the server runs as where the tests run as root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return pytest.skip("no user to run PostgreSQL as")


def _sweep():
    """End servers of runs that were killed: nobody has a lock on them any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            with suppress(FileNotFoundError), Path((folder / USERS).read_text()).open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (folder / USERS).exists():
                Cluster(folder).end()


@contextmanager
def shared(base):
    """The cluster that all processes of one run share; ``base`` is a folder that they all know.

    Each holds a lock on it that the system takes back; who gets it alone at the end is the last.
    """
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (tests/soak/install.sh)")
    base.mkdir(parents=True, exist_ok=True)
    with (base / "users").open("a") as users, (base / "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        known = base / "cluster"
        if not known.exists():
            _sweep()
            known.write_text(str(Cluster.make().folder))
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster = Cluster(Path(known.read_text()))
        (cluster.folder / USERS).write_text(users.name)  # not before there is one
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield cluster
        finally:
            fcntl.flock(door, fcntl.LOCK_EX)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                known.unlink()
                cluster.end()
