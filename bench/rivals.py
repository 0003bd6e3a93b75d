# SPDX-License-Identifier: EUPL-1.2
"""What people would compare with: each a first backup of the corpus to an encrypted store."""

import os
import secrets
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure import BenchError, Usage, run


@dataclass(frozen=True, slots=True)
class Rival:
    """A program or pipe: what it needs to be installed, and how it is run."""

    name: str
    programs: tuple[str, ...]
    prepare: Callable[[Path, Mapping[str, str]], None]
    command: Callable[[Path, Path], Sequence[str]]

    def missing(self) -> list[str]:
        """Return the programs that are not on this machine."""
        return [name for name in self.programs if shutil.which(name) is None]

    def measure(self, corpus: Path, work: Path) -> Usage:
        """Return what a first backup cost, the making of the store left out."""
        password = work / "password"
        password.write_text(secrets.token_hex(16))
        environment = {
            "RESTIC_PASSWORD_FILE": str(password),
            "BORG_PASSPHRASE": secrets.token_hex(16),
            "BORG_BASE_DIR": str(work / "borg-base"),
        }
        self.prepare(work, environment)
        command = self.command(corpus, work)
        return run(command, environment=environment, folder=corpus, log=work / "log")


def restic_again(corpus: Path, work: Path) -> dict[str, float]:
    """Return restic's processor time where nothing is new, and where one mail is, after `measure`.

    The better of two runs each.
    """
    box = corpus / "Mbox" / "archive.mbox"
    size = box.stat().st_size
    try:
        return {
            "rescan": min(_restic_once(corpus, work) for _ in range(2)),
            "append": min(_append_and_back_up(box, corpus, work) for _ in range(2)),
        }
    finally:
        os.truncate(box, size)  # a corpus that is kept is as it was


def append_mail(box: Path) -> None:
    """Append one mail to an mbox."""
    with box.open("ab") as file:
        file.write(b"From MAILER-DAEMON Mon Jan  5 08:00:00 2026\n")
        file.write(mail(f"appended-{time.time_ns()}").encode() + b"\n")


def mail(subject: str) -> str:
    """Return a mail of 3 KB."""
    return (
        f"From: Person <p@minxyz.example>\nTo: minister@minxyz.example\nSubject: {subject}\n"
        f"Message-ID: <{subject}@bench.example>\n\n" + "Een regel van een nieuwe mail.\n" * 100
    )


def _append_and_back_up(box: Path, corpus: Path, work: Path) -> float:
    append_mail(box)
    return _restic_once(corpus, work)


def _restic_once(corpus: Path, work: Path) -> float:
    command = ["restic", "backup", "--quiet", *_restic(work), "."]
    environment = {"RESTIC_PASSWORD_FILE": str(work / "password")}
    return run(command, environment=environment, folder=corpus, log=work / "log").cpu


def _quiet(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def _begin_restic(work: Path, environment: Mapping[str, str]) -> None:
    _quiet("restic", "init", *_restic(work), environment=_with(environment))


def _restic(work: Path) -> list[str]:
    return ["--repo", str(work / "restic"), "--cache-dir", str(work / "restic-cache")]


def _begin_borg(work: Path, environment: Mapping[str, str]) -> None:
    repository = str(work / "borg")
    _quiet("borg", "init", "--encryption", "repokey", repository, environment=_with(environment))


def _begin_age(work: Path, environment: Mapping[str, str]) -> None:
    del environment
    _quiet("age-keygen", "-o", str(work / "age.key"))


def _pipe(corpus: Path, work: Path) -> list[str]:
    recipient = _quiet("age-keygen", "-y", str(work / "age.key")).strip()
    target = shlex.quote(str(work / "corpus.tar.zst.age"))
    tar = f"tar -C {shlex.quote(str(corpus))} -cf - ."
    return ["sh", "-c", f"{tar} | zstd -q -3 | age -r {recipient} -o {target}"]


def _with(environment: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}


RIVALS: Final = (
    Rival(
        "restic backup",
        ("restic",),
        _begin_restic,
        lambda _, work: ["restic", "backup", "--quiet", *_restic(work), "."],
    ),
    Rival(
        "borg create zstd,3",
        ("borg",),
        _begin_borg,
        lambda _, work: ["borg", "create", "--compression", "zstd,3", f"{work / 'borg'}::a", "."],
    ),
    Rival("tar | zstd -3 | age", ("tar", "zstd", "age", "age-keygen"), _begin_age, _pipe),
)
