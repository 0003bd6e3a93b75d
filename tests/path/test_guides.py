# SPDX-License-Identifier: EUPL-1.2
"""The commands of the guides, as they stand there, on a real receiver, office and agent over TLS.

The pages are gone through in the order in which a ministry needs them, in one folder: whatever they
call /etc/lakzegel, /var/lib, /media and the like is below it. What a person types there, the test
types: his passphrase, and the digest of what he was shown. `pytest -m soak` runs the blocks that
are marked ``soak`` as well.
"""

import mailbox
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.house import guides
from tests.path.conftest import Server, command

ORDER = (
    "ceremony.md",
    "mdm.md",
    "support.md",
    "records.md",
    "privacy.md",
    "incidents.md",
    "security.md",
)
PLACES = ("etc/lakzegel", "var/lib", "media/ceremonie", "media/uit", "media/otto", "run/ceremonie")
HOME = "home/minister"
SYSTEM = re.compile(rf"(?<![\w.])/(?=(?:{'|'.join((*PLACES, HOME))})\b)")
OURS = re.compile(r"lakzegel-(agent|server|office|verify)\b")
MAY_FIND = re.compile(  # ends with 1 where it found something, which is no failure of the guide
    r"lakzegel-(agent (status|doctor|guards)|office (keys status|report|alarms|trail))\b"
)
DIGEST = re.compile(r"digest of the above: (\S+)")
RECEIVER = "https://receiver.example"
PEOPLE = ("alle", "anna", "bram", "petra", "otto")


@dataclass
class Ministry:
    """One folder that holds all machines, and what was said last."""

    root: Path
    server: Server
    said: str = ""
    ran: list = field(default_factory=list)

    def go(self, block):
        """Run a block, a command of ours at a time and all others by a shell."""
        waiting = []
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if OURS.match(line):
                self._shell(waiting)
                waiting = []
                self._ours(line)
            else:
                waiting.append(line)
        self._shell(waiting)

    def _placed(self, text):
        text = SYSTEM.sub(f"{self.root}/", text).replace("DIGEST", _digest(self.said))
        if RECEIVER not in text:
            return text
        if self.server.process is None:
            self.server.start()
        return text.replace(RECEIVER, self.server.url)

    def _shell(self, lines):
        script = self._placed("\n".join(lines))
        if script.strip():
            done = self._run(["bash", "-e", "-c", script])
            assert done.returncode == 0, (script, done.stderr)

    def _ours(self, line):
        expanded = self._run(["bash", "-c", f"printf '%s\\0' {self._placed(line)}"]).stdout
        words = expanded.split("\0")[:-1]
        program, rest = words[0].removeprefix("lakzegel-"), words[1:]
        done = self._run(command(program, *rest, *self._typed(program, rest)))
        self.said = done.stdout
        self.ran.append(line)
        allowed = {0, 1} if MAY_FIND.match(line) else {0}
        assert done.returncode in allowed, (line, done.stdout[-2000:], done.stderr[-2000:])

    def _typed(self, program, rest):
        """What the person at the keyboard would type, as files; and a scrypt that costs less."""
        if program != "office":
            return []
        who = rest[rest.index("--as") + 1] if "--as" in rest else "alle"
        more = ["--passphrase-file", self.root / f"{who}.pass"]
        if rest[:2] == ["staff", "add"]:
            more += ["--new-passphrase-file", self.root / f"{rest[-1]}.pass"]
        if rest[:1] == ["init"] or rest[:2] == ["staff", "add"]:
            more += ["--work-factor", "5"]
        return more

    def _run(self, arguments):
        return subprocess.run(
            arguments,
            cwd=self.root,
            env=os.environ | {"HOME": str(self.root / HOME)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _digest(said):
    found = DIGEST.search(said)
    return found[1] if found else "DIGEST"


@pytest.fixture
def ministry(tmp_path):
    for place in (*PLACES, HOME):
        (tmp_path / place).mkdir(parents=True)
    for name in PEOPLE:
        (tmp_path / f"{name}.pass").write_text(f"zes willekeurige woorden van {name}\n")
    mails = mailbox.Maildir(tmp_path / HOME / "Maildir")
    for number in range(3):
        mails.add(f"From: a@min.example\nSubject: Kamerbrief {number}\n\nConcept {number}\n")
    cert, key = tmp_path / "etc/lakzegel/ca.pem", tmp_path / "key.pem"
    _certificate(cert, key)
    more = ("--tls-cert", cert, "--tls-key", key)
    server = Server(tmp_path / "var/lib/lakzegel-server", more=more)
    yield Ministry(tmp_path, server)
    server.stop()


def _certificate(cert, key):
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=receiver", "-out", cert, "-keyout", key),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )


def gone_through(ministry, how):
    for page in ORDER:
        for block in guides.blocks("nl", page):
            if block.kind == "sh" and block.how in how:
                ministry.go(block.text)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_every_command_that_is_marked_run_does_what_the_guide_says(ministry):
    gone_through(ministry, {"run"})
    assert len(ministry.ran) > 40


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_every_command_that_is_marked_soak_does_what_the_guide_says_as_well(ministry):
    gone_through(ministry, {"run", "soak"})
    assert len(ministry.ran) > 60
