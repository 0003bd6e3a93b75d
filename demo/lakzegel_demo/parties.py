# SPDX-License-Identifier: EUPL-1.2
"""The three parties and the judge, each by its own command line and in its own folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lakzegel_demo.errors import PartyError
from lakzegel_demo.process import Children, Finished, Progress

ORIGIN: Final = "log.example/demo"
ORGANISATION: Final = "records.example"
DEVICE: Final = "minister-laptop"
WORK_FACTOR: Final = "12"  # the demo's passphrase is 128 random bits; scrypt adds nothing to it
READY: Final = 20.0  # seconds the receiver may take to listen


def read_json(text: str, *, what: str) -> dict[str, Any]:
    """Return the JSON object that a command printed.

    Raises:
        PartyError: it printed something else.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PartyError(f"{what}: printed no JSON object: {text[:200]!r}")
    return value


@dataclass(frozen=True, slots=True)
class Server:
    """The receiver below OUT/server."""

    children: Children
    data: Path

    def begin(self) -> str:
        """Make its log, let it listen on a free port of this machine, and return its URL."""
        self._run("init", "--name", ORIGIN)
        arguments = ["serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        self.children.start("server", "lakzegel_server", arguments)
        return self.children.await_file("server", self.data / "listening", seconds=READY)

    def account(self, role: str, name: str, token: Path) -> None:
        """Make an account, its bearer token in a new file."""
        self._run("account", "add", "--role", role, name, "--token-file", str(token))

    def publish(self, note: Path) -> None:
        """Have the administrator publish what others signed."""
        self._run("publish", str(note))

    def check(self) -> None:
        """Have the receiver compare everything stored with its log."""
        self._run("check")

    def _run(self, *words: str) -> str:
        verb = list(words[:2] if words[0] == "account" else words[:1])
        arguments = [*verb, "--data", str(self.data), *words[len(verb) :]]
        return self.children.demand("lakzegel_server", arguments)


@dataclass(frozen=True, slots=True)
class Office:
    """The records office below OUT/office."""

    children: Children
    home: Path
    passphrase: Path

    def begin(self, server: Server, url: str, account: Path) -> None:
        """Make all its keys and the note that delegates them."""
        words = ["--log-keys", str(server.data / "log.keys"), "--org", ORGANISATION]
        words += ["--server", url, "--account-file", str(account), "--work-factor", WORK_FACTOR]
        self.run("init", *words)

    def admit(self, token: Path) -> None:
        """Admit the demo's device; its token goes into its profile."""
        self.run("admit", "--device", DEVICE, str(token))

    def sign_policy(self, policy: Path, annex: Path) -> Path:
        """Have both policy keys sign, and return the note."""
        self.run("policy", "sign", str(policy), "--annex", f"{DEVICE}={annex}")
        self.run("policy", "cosign", str(policy))
        return policy.with_name(policy.name + ".note")

    def pull(self, *, progress: Progress | None = None) -> dict[str, Any]:
        """Bring in, prove, open and hold what the receiver sealed."""
        return read_json(self.run("pull", "--json", progress=progress), what="pull")

    def restore(self, out: Path) -> dict[str, Any]:
        """Rebuild every captured file below `out`."""
        text = self.run("restore", "--device", DEVICE, "--out", str(out), "--json")
        return read_json(text, what="restore")

    def items(self, *words: str) -> list[dict[str, Any]]:
        """Return what the office lists, all of it or as the arguments say."""
        return [json.loads(line) for line in self.run("list", "--json", *words).splitlines()]

    def show(self, item: str) -> dict[str, Any]:
        """Return what the office shows of one item."""
        return read_json(self.run("show", item), what="show")

    def prove(self, item: str, out: Path) -> None:
        """Write one item's bytes and the proof of them."""
        self.run("prove", item, str(out))

    def run(self, command: str, *words: str, progress: Progress | None = None) -> str:
        """Return what a command of the office printed."""
        parts = 2 if command == "policy" else 1
        verb = [command, *words[: parts - 1]]
        arguments = [*verb, *self.common(), *words[parts - 1 :]]
        return self.children.demand("lakzegel_office", arguments, progress=progress)

    def common(self) -> list[str]:
        """Return the arguments that each command has."""
        return ["--home", str(self.home), "--passphrase-file", str(self.passphrase)]

    def follow(self) -> int:
        """Keep pulling until stopped; return the process's id."""
        arguments = ["pull", "--follow", "--every", "1", *self.common()]
        return self.children.start("office", "lakzegel_office", arguments)


def verify(children: Children, home: Path) -> Finished:
    """Return what the office's offline verification says of a home; it needs no passphrase."""
    return children.run("lakzegel_office", ["verify", "--home", str(home), "--quiet"])


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent below OUT/agent."""

    children: Children
    config: Path

    def enrol(self, token: Path) -> None:
        """Make the device's keys and have them admitted."""
        self._run("enrol", "--token-file", str(token))

    def once(self, *, progress: Progress | None = None) -> None:
        """Read, seal and ship everything once."""
        self._run("once", progress=progress)

    def status(self) -> dict[str, Any]:
        """Return the agent's own account of itself."""
        return read_json(self._run("status", "--json", any_code=True), what="status")

    def start(self) -> int:
        """Start the daemon; return its process id."""
        return self.children.start("agent", "lakzegel_agent", self._arguments(["run"]))

    def _run(
        self, command: str, *words: str, progress: Progress | None = None, any_code: bool = False
    ) -> str:
        arguments = self._arguments([command, *words])
        if any_code:  # a status with problems ends with 1 and is printed all the same
            return self.children.run("lakzegel_agent", arguments).stdout
        return self.children.demand("lakzegel_agent", arguments, progress=progress)

    def _arguments(self, words: Sequence[str]) -> list[str]:
        return [words[0], "--config", str(self.config), *words[1:]]


def judge(children: Children, file: Path, keys: Path) -> str:
    """Return the verdict of the small verifier, which has nothing but a file, a proof and keys."""
    proof = file.with_name(file.name + ".proof")
    return children.demand("lakzegel_verify", [str(proof), str(file), "--keys", str(keys)])
