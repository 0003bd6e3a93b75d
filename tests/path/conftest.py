# SPDX-License-Identifier: EUPL-1.2
"""A whole custody on this machine: real processes, real HTTP over loopback, real folders."""

import contextlib
import filecmp
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lakzegel_office.__main__ import main as office_main

ORIGIN = "log.example/path"
DEVICE = "minister-laptop"
PASSPHRASE = "een zin die niemand raadt"


def command(room, *arguments):
    return [sys.executable, "-m", f"lakzegel_{room}", *map(str, arguments)]


def run(room, *arguments, expect=0, seconds=300):
    """Run a console command to its end and return what it printed."""
    done = subprocess.run(
        command(room, *arguments), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert expect is None or done.returncode == expect, (
        f"lakzegel-{room} {' '.join(map(str, arguments))}: exit {done.returncode}, not {expect}\n"
        f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    return done


def run_office(*arguments, expect=0):
    """Run an office command in this process: a custody needs many, and starting costs most."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = office_main([str(argument) for argument in arguments])
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    done = subprocess.CompletedProcess(arguments, code, *texts)
    assert expect is None or code == expect, (arguments, code, done.stdout, done.stderr)
    return done


@dataclass
class Server:
    """One receiver: its DATA, and its process while it runs."""

    data: Path
    process: subprocess.Popen | None = None
    listen: str = "127.0.0.1:0"
    more: tuple = ()  # arguments of `serve`: a certificate

    @property
    def url(self):
        return (self.data / "listening").read_text("utf-8").strip()

    def start(self):
        (self.data / "listening").unlink(missing_ok=True)
        log = (self.data.parent / "server.log").open("ab")
        self.process = subprocess.Popen(
            command("server", "serve", "--data", self.data, "--listen", self.listen, *self.more),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.wait()
        self.listen = self.url.partition("://")[2]  # the same address after a restart

    def wait(self, seconds=30):
        end = time.monotonic() + seconds
        while not (self.data / "listening").exists():
            assert self.process.poll() is None, (self.data.parent / "server.log").read_text()
            assert time.monotonic() < end, "the receiver does not come up"
            time.sleep(0.02)  # another process's file: nothing to await

    def kill(self, how=signal.SIGKILL):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            self.process.wait(30)
            self.process = None

    def stop(self):
        self.kill(signal.SIGTERM)


@dataclass
class World:
    """Receiver, office and one device, each in a folder of its own below ``root``."""

    root: Path
    server: Server
    sources: dict = field(default_factory=dict)
    serial: int = 0
    release: str = "held"
    limits: str = ""
    more: str = ""  # more tables of the policy
    said: dict = field(default_factory=dict)  # more lines of a source in the policy, by its name
    hidden: tuple = ()  # more lines of the annex
    device: str = DEVICE
    made_once: Callable | None = None  # gives a custody that stands still after enrolment

    @property
    def office_home(self):
        return self.root / "office"

    @property
    def agent_home(self):
        return self.root / "agent"

    @property
    def user_home(self):
        return self.root / "device"

    @property
    def config(self):
        return self.root / "agent.toml"

    def office(self, *arguments, expect=0):
        home = ("--home", self.office_home, "--passphrase-file", self.root / "passphrase")
        return run_office(*arguments, *home, expect=expect)

    def agent(self, *arguments, expect=0):
        return run("agent", *arguments, "--config", self.config, expect=expect)

    def publish(self, note, expect=0):
        return run("server", "publish", "--data", self.server.data, note, expect=expect)

    def found(self):
        """A receiver that serves, an office, and its delegation in the log."""
        run("server", "init", "--data", self.server.data, "--name", ORIGIN)
        (self.root / "passphrase").write_text(PASSPHRASE + "\n")
        token = self.root / "records.token"
        run(
            "server", "account", "add", "--data", self.server.data,
            "--role", "records", "--token-file", token, "records",
        )  # fmt: skip
        self.server.start()
        self.office(
            "init", "--log-keys", self.server.data / "log.keys", "--org", "records.example",
            "--work-factor", "5", "--server", self.server.url, "--account-file", token,
        )  # fmt: skip
        self.publish(self.office_home / "notes/delegation.note")

    def configure(self):
        keys = (self.server.data / "log.keys").read_text().split()
        office = tomllib.loads((self.office_home / "office.toml").read_text())["keys"]
        policy = [office["policy-records"], office["policy-privacy"]]
        self.config.write_text(
            f'server = "{self.server.url}"\nhome = "{self.agent_home}"\n'
            f'user_home = "{self.user_home}"\n'
            f"log_keys = {json.dumps(keys)}\npolicy_keys = {json.dumps(policy)}\n"
        )

    def enrol(self, name=None, config=None, count=1, more=()):
        name = name or self.device
        token = self.root / f"token-{name}-{count}"
        self.office("admit", "--device", name, "--count", count, *more, token)
        self.publish(token.with_name(token.name + ".note"))
        run("agent", "enrol", "--config", config or self.config, "--token-file", token)
        return token

    def policy_note(self, *, audience=None, annex=True, **more):
        """A policy over ``sources`` (name → (kind, folder)), signed by both."""
        self.serial += 1
        office = tomllib.loads((self.office_home / "office.toml").read_text())
        recipients = list(office["recipients"].values())
        toml = [
            f"serial = {more.get('serial', self.serial)}",
            f'audience = ["{audience or f"device:{self.device}"}"]',
            "expires = 2036-01-01",
            f"recipients = {json.dumps(recipients)}",
            'cadence = "0s"',
            f'release = "{self.release}"',
        ]
        if "[guards]" not in self.more:  # they would look at this machine's own programs
            toml.append('guards = {default = "off"}')
        hidden = [f'device = "{self.device}"']
        for number, (name, (kind, _)) in enumerate(self.sources.items()):
            toml += ["[[source]]", f'name = "s{number}"', f'kind = "{kind}"', 'settle = "0s"']
            toml += self.said.get(name, ())
            path = "~/" + str(self.sources[name][1].relative_to(self.user_home))
            rows = ["[[source]]", f'name = "s{number}"', f"label = {json.dumps(name)}"]
            hidden += [*rows, f"path = {json.dumps(path)}"]
            if not annex:
                toml.append(f"path = {json.dumps(path)}")
        hidden += self.hidden
        if self.limits:
            toml += ["[limits]", self.limits]
        toml.append(self.more)
        file = self.root / f"policy-{self.serial}.toml"
        file.write_text("\n".join(toml) + "\n")
        extra = []
        if annex:
            (self.root / "annex.toml").write_text("\n".join(hidden) + "\n")
            extra = ["--annex", f"{self.device}={self.root / 'annex.toml'}"]
        self.office("policy", "sign", *extra, file)
        self.office("policy", "cosign", file)
        return file.with_name(file.name + ".note")

    def set_policy(self, **more):
        note = self.policy_note(**more)
        self.publish(note)
        self.pull()

    def watch(self, kind, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.sources[folder.name] = (kind, folder)
        return folder

    def ready(self):
        """Everything set up until the first capture; only the policy is made for each test."""
        if self.made_once is None:
            self.found()
            self.configure()
            self.enrol()
            self.pull()
        else:
            self.become(self.made_once())
        self.set_policy()

    def become(self, other):
        """Take over a custody that stands still, and serve."""
        shutil.copytree(other.root, self.root, dirs_exist_ok=True, symlinks=True)
        self.serial = other.serial
        self.server.start()
        old = f"http://{other.server.listen}"
        for file in (self.config, self.office_home / "office.toml"):
            text = file.read_text().replace(old, self.server.url)
            file.write_text(text.replace(str(other.root), str(self.root)))

    def once(self, expect=0):
        done = self.agent("once", "--json", expect=expect)
        return json.loads(done.stdout) if expect == 0 else done

    def status(self):
        return json.loads(self.agent("status", "--json", expect=None).stdout)

    def pull(self, expect=0):
        return self.office("pull", expect=expect)

    def verify(self, *more, expect=0):
        return run_office("verify", "--home", self.office_home, *more, expect=expect)

    def term_verify(self, folder, expect=0):
        where = ("--home", self.office_home)
        return run_office("term", "verify", folder, *where, expect=expect).stdout

    def check(self, expect=0):
        return run("server", "check", "--data", self.server.data, expect=expect)

    def restore(self, name="restored", expect=0):
        out = self.root / name
        shutil.rmtree(out, ignore_errors=True)
        self.office("restore", "--device", self.device, "--out", out, expect=expect)
        return out

    def items(self, kind):
        rows = self.office("list", "--device", self.device, "--kind", kind, "--json").stdout
        return [json.loads(line) for line in rows.splitlines()]

    def close(self):
        self.server.kill()


def same(left, right):
    """What differs between two folders; nothing when they are the same, byte for byte."""
    differ = []
    stack = [(os.fsencode(left), os.fsencode(right))]
    while stack:
        one, two = stack.pop()
        names_one, names_two = set(os.listdir(one)), set(os.listdir(two))  # noqa: PTH208 - bytes
        differ += [("only one side", name) for name in names_one ^ names_two]
        for name in names_one & names_two:
            a, b = os.path.join(one, name), os.path.join(two, name)  # noqa: PTH118 - bytes
            if os.path.isdir(a) and os.path.isdir(b):  # noqa: PTH112 - bytes
                stack.append((a, b))
            elif not filecmp.cmp(a, b, shallow=False):
                differ.append(("content", name))
    return differ


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory):
    """A custody whose device is enrolled and has no policy yet, made once; it stands still."""
    root = tmp_path_factory.mktemp("enrolled")
    made = World(root, Server(root / "server"))
    try:
        made.found()
        made.configure()
        made.enrol()
        made.pull()
        made.server.stop()
    finally:
        made.close()
    return made


@pytest.fixture
def world(tmp_path, request):
    """Folders only; nothing runs yet."""
    made = World(tmp_path, Server(tmp_path / "server"))
    made.made_once = lambda: request.getfixturevalue("enrolled")
    yield made
    made.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory, enrolled):
    """A custody whose device watches one folder, made once; it stands still."""
    root = tmp_path_factory.mktemp("template")
    made = World(root, Server(root / "server"), made_once=lambda: enrolled)
    try:
        made.watch("folder", root / "device" / "map")
        made.ready()
        made.server.stop()
    finally:
        made.close()
    return made


@pytest.fixture
def ready(world, template):
    """A copy of the template that serves, before its device's first capture."""
    world.become(template)
    world.sources = {"map": ("folder", world.root / "device" / "map")}
    return world


@pytest.fixture
def same_tree():
    return same


@pytest.fixture
def lakzegel():
    return run
