# SPDX-License-Identifier: EUPL-1.2
"""Real programs write what is captured, while the agent is at work.

Dovecot serves a mailbox over IMAP, mbsync keeps a Maildir the same (Debian: `dovecot-imapd`,
`isync`). Mail arrives, is read, answered, moved and expunged; at each moment what is restored is
what mbsync had left, byte for byte, and what was expunged is there still.
"""

import contextlib
import imaplib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

USER, SECRET = "minister", "geheim"
ROUNDS, MAILS = 4, 12
OURS = {"tmp", ".mbsyncstate", ".mbsyncstate.lock", ".uidvalidity"}  # no mail in these

DOVECOT = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {root}/users
}}
userdb {{
  driver = passwd-file
  args = {root}/users
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""

MBSYNC = """\
IMAPAccount dovecot
Host 127.0.0.1
Port {port}
User {user}
Pass {secret}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account dovecot

MaildirStore near
Path {near}/
Inbox {near}/INBOX
SubFolders Verbatim

Channel mail
Far :far:
Near :near:
Patterns *
Create Near
Expunge Near
SyncState *
"""


@pytest.fixture
def dovecot():
    """A port at which Dovecot serves one user's mail, and the folder it works in."""
    if shutil.which("dovecot") is None or shutil.which("mbsync") is None:
        pytest.skip("no Dovecot or no mbsync here (Debian: dovecot-imapd, isync)")
    if os.geteuid() != 0:
        pytest.skip("Dovecot changes its users, which only root may")
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))  # the tests' own folders are root's alone
    root.chmod(0o755)  # its processes have users of their own
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = root / "home"
    home.mkdir()
    (root / "users").write_text(f"{USER}:{{PLAIN}}{SECRET}:{mailer()}::{home}::\n")
    os.chown(home, *map(int, mailer().split(":")))
    (root / "dovecot.conf").write_text(DOVECOT.format(root=root, port=port))
    process = subprocess.Popen(
        ["dovecot", "-F", "-c", root / "dovecot.conf"], stderr=subprocess.DEVNULL
    )
    try:
        yield port, root
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(root, ignore_errors=True)


def mailer():
    return "65534:65534"


def mailbox(port, root):
    """A connection to it, as soon as it listens."""
    end = time.monotonic() + 30
    while True:
        try:
            made = imaplib.IMAP4("127.0.0.1", port)
        except OSError:
            log = root / "dovecot.log"
            assert time.monotonic() < end, log.read_text() if log.exists() else "no Dovecot"
            time.sleep(0.05)  # another program's port: nothing to await
            continue
        made.login(USER, SECRET)
        made.select("INBOX")
        return made


def arrive(imap, first, count, box="INBOX"):
    for number in range(first, first + count):
        text = f"From: a@b.example\r\nSubject: nummer {number}\r\n\r\n" + "Geacht lid,\r\n" * number
        assert imap.append(box, None, None, text.encode())[0] == "OK"


@contextlib.contextmanager
def at_work(world):
    """The agent, running as it does on a device."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lakzegel_agent", "run", "--config", str(world.config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def mails(folder):
    """Bytes of each mail, without the name that a flag changes."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not OURS & {path.name, path.parent.name}:
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@pytest.mark.slow
def test_what_dovecot_and_mbsync_left_is_restored_at_each_moment(ready, dovecot, tmp_path):
    port, root = dovecot
    imap = mailbox(port, root)
    near = ready.watch("maildir", tmp_path / "device" / "Mail")
    ready.set_policy()
    rules = tmp_path / "mbsyncrc"
    rules.write_text(MBSYNC.format(port=port, user=USER, secret=SECRET, near=near))

    def sync():
        done = subprocess.run(
            ["mbsync", "-c", rules, "mail"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr

    ready.once()  # brings the policy
    imap.create("Dossiers")
    bodies = set()
    for number in range(ROUNDS):
        with at_work(ready):
            for step in range(3):
                arrive(imap, number * MAILS + step * 4, 4)
                sync()
            imap.store(f"1:{2 + number}", "+FLAGS", r"(\Seen \Answered)")
            imap.copy("1", "Dossiers")
            sync()
            imap.store("1", "+FLAGS", r"\Deleted")
            imap.expunge()
            sync()
        report = settled(ready)
        assert report["found"] == report["sealed"] + report["excluded"] + report["failed"]
        ready.pull()
        ready.verify("--quiet")
        left, restored = mails(near), mails(ready.restore() / near.name)
        assert left.items() <= restored.items()
        bodies |= set(left.values())
        assert bodies <= set(restored.values())  # what was expunged, too
    imap.logout()
    assert len(left) > ROUNDS * MAILS - ROUNDS


def settled(world):
    """What `once` reports, where nothing failed but what was gone before anybody could read it.

    On a busy machine a mail may come, be renamed and be expunged while the agent looks elsewhere.
    """
    done = world.agent("once", "--json", expect=None)
    report = json.loads(done.stdout)
    assert report["failed"] == world.status()["reasons"].get("vanished", 0), done.stderr
    assert done.returncode == (1 if report["failed"] else 0), done.stderr
    return report


class Thunderbird:
    """What Thunderbird does to an mbox, as its sources say: a recorded profile of it.

    Mail is appended; a flag is patched in place, in four hexadecimal digits of `X-Mozilla-Status`;
    a compaction writes what is left beside the mbox, keeps the old one, renames, and drops it.
    """

    DELETED = 0x0008
    STATUS = b"X-Mozilla-Status: "

    def __init__(self, folder):
        self.box = folder / "Inbox"
        self.work = folder / ".compact-temp"
        self.box.touch()

    def mail(self, number):
        text = [f"Geachte collega {number},", ">From the start", "tekst " * number, "", ""]
        lines = ["From - Fri Aug 24 11:55:47 2018", "X-Mozilla-Status: 0000"]
        lines += ["X-Mozilla-Status2: 00000000", f"Subject: nummer {number}", "", *text]
        with self.box.open("ab") as file:
            file.write("\r\n".join(lines).encode())

    def mark(self, number, flags):
        data = self.box.read_bytes()
        at = data.index(b"Subject: nummer %d\r" % number)
        at = data.rindex(self.STATUS, 0, at) + len(self.STATUS)
        with self.box.open("r+b") as file:
            file.seek(at)
            file.write(b"%04x" % flags)

    def compact(self):
        mails = self.box.read_bytes().split(b"From - ")[1:]
        left = [m for m in mails if not int(m.split(self.STATUS)[1][:4], 16) & self.DELETED]
        self.work.mkdir()
        making = self.work / "folder.compacting"
        making.write_bytes(b"".join(b"From - " + mail for mail in left))
        making.rename(self.work / "folder.compacted")
        self.box.rename(self.work / "folder.original")
        (self.work / "folder.compacted").rename(self.box)
        (self.work / "folder.original").unlink()
        self.work.rmdir()


@pytest.mark.slow
def test_an_mbox_that_thunderbird_appends_patches_and_compacts_is_restored(ready, tmp_path):
    folder = ready.watch("mbox", tmp_path / "device" / "Local Folders")
    ready.set_policy()
    program = Thunderbird(folder)
    ready.once()
    for moment in range(3):
        with at_work(ready):
            for number in range(moment * 10, moment * 10 + 10):
                program.mail(number)
            program.mark(moment * 10 + 1, 0x0001)
            program.mark(moment * 10 + 2, program.DELETED)
            if moment:
                program.compact()
        report = ready.once()
        assert report["found"] == report["sealed"] + report["excluded"] + report["failed"]
        ready.pull()
        ready.verify("--quiet")
        restored = ready.restore() / folder.name / "Inbox"
        assert restored.read_bytes() == program.box.read_bytes()
    assert b"nummer 12\r" not in program.box.read_bytes()
    segments = ready.items("segment")
    assert len(segments) < 200  # a compaction does not send every mail again
