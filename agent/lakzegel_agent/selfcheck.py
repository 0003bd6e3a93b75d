# SPDX-License-Identifier: EUPL-1.2
"""Whether this version of the agent works on this device: ``python -m lakzegel_agent.selfcheck``.

    modules -> settings -> ledger -> keys -> policy -> spool -> dry-run -> watch

Run in a process of its own, which may hang or die. The home is only read, but for a scratch folder.
On standard output one line of JSON. docs/spec/updates.md §2
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lakzegel_agent import ownprocess

if TYPE_CHECKING:
    from lakzegel_agent.devicekeys import Introduction
    from lakzegel_agent.ledger import Ledger
    from lakzegel_agent.settingsconfig import Config

PATIENCE: Final = 120.0  # seconds
SCRATCH: Final = "scratch-"
_PLATFORMS: Final = "lakzegel_agent.platforms"
_ROOMS: Final = ("lakzegel_agent", "lakzegel_core")
_OPTIONAL: Final = frozenset({"sqlcipher3", "pacparser"})  # extras of the agent
_HEADS: Final = 1_000  # newest batches whose manifest is read
_HINT: Final = 10.0  # seconds for a hint of a change
_PROBE: Final = b"lakzegel self-check\n"
_NO_FAULT: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EMFILE)
_WHY: Final = 200  # characters

State = Literal["ok", "failed", "undecided"]


@dataclass(frozen=True, slots=True)
class Checked:
    """How a self-check ended; of one that is not ok, at which step and why."""

    state: State
    step: str = ""
    why: str = ""

    def line(self, version: str) -> str:
        """What is kept of it."""
        return f"self-check {self.state} {version} {self.step}".rstrip()


class UndecidedError(Exception):
    """No version is to blame for what stands in the way."""


def check_apart(config: Path, scratch: Path, *, patience: float = PATIENCE) -> Checked:
    """How a self-check ended; one that dies or does not end failed."""
    try:
        done = subprocess.run(
            [*ownprocess.worker("selfcheck"), os.fspath(config), os.fspath(scratch)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may name a file
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Checked("failed", "time", f"it did not end within {patience:.0f} s")
    except OSError as error:
        return Checked("undecided", "process", f"it cannot be started ({error.strerror})")
    finally:
        for left in scratch.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
    try:
        return Checked(**json.loads(done.stdout))
    except (ValueError, TypeError):
        return Checked("failed", "process", f"it ended with {done.returncode}")


def main() -> None:
    """Check, hand over how that ended, and end at once, whatever threads are left."""
    config, scratch = map(Path, sys.argv[1:])
    sys.stdout.write(json.dumps(asdict(self_check(config, scratch))))
    sys.stdout.flush()
    os._exit(0)


def self_check(config: Path, scratch: Path) -> Checked:
    """How the steps went; the first that did not ended them."""
    reached: list[str] = []
    with closing(_steps(config, scratch)) as steps:
        try:
            for step, act in steps:
                reached.append(step)
                act()
        except UndecidedError as error:
            return Checked("undecided", reached[-1], str(error)[:_WHY])
        except OSError as error:
            state: State = "undecided" if error.errno in _NO_FAULT else "failed"
            return Checked(state, reached[-1], f"{type(error).__name__}: {error.strerror}"[:_WHY])
        except Exception as error:  # noqa: BLE001 - whatever it is, this version does not work
            return Checked("failed", reached[-1], f"{type(error).__name__}: {error}"[:_WHY])
    return Checked("ok")


def _steps(config: Path, scratch: Path) -> Generator[tuple[str, Callable[[], object]], None, None]:
    """The steps; each is yielded before anything that it needs is imported."""
    yield "modules", import_all
    check: list[_Check] = []
    yield "settings", lambda: check.append(_Check.begin(config))
    (one,) = check
    with _scratch(scratch) as folder:
        yield "ledger", lambda: one.open_ledger(folder)
        try:
            yield "keys", one.check_keys
            yield "policy", one.check_policy
            yield "spool", one.check_spool
        finally:
            one.close()
        yield "dry-run", lambda: _dry_run(folder)
        yield "watch", lambda: check_watch(folder)


def import_all() -> None:
    """Import every module of the agent and the core.

    Raises:
        ImportError: one cannot be.
    """
    for room in _ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if found.name.startswith(f"{_PLATFORMS}.") and found.name not in sys.modules:
                continue  # of another system: the one for this system brought in what it needs
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if error.name not in _OPTIONAL:
                    raise


class _Check:
    """One check of one home."""

    def __init__(self, config: Config) -> None:
        from lakzegel_agent.devicekeys import KeyStore  # noqa: PLC0415 - a step imports what it needs
        from lakzegel_agent.home import Home  # noqa: PLC0415

        self._config = config
        self._home = Home(config.home)
        self._keys = KeyStore(self._home.keys)
        self._ledger: Ledger | None = None
        self._current: Introduction | None = None

    @classmethod
    def begin(cls, config: Path) -> _Check:
        """A check of the home that this configuration names."""
        from lakzegel_agent.settings import load_config  # noqa: PLC0415

        return cls(load_config(config))

    def open_ledger(self, folder: Path) -> None:
        """Open the ledger, or what it would become, and read what everything rests on."""
        from lakzegel_agent.errors import UnwritableError  # noqa: PLC0415
        from lakzegel_agent.ledger import Ledger  # noqa: PLC0415
        from lakzegel_agent.ledgerupgrade import rehearse  # noqa: PLC0415

        copy = folder / "ledger.sqlite"
        try:
            older = rehearse(self._home.ledger, copy)
            key = self._keys.ledger_key(random=os.urandom)
            ledger = self._ledger = Ledger.open(copy if older else self._home.ledger, key)
        except UnwritableError as error:
            raise UndecidedError(str(error)) from error
        ledger.epoch()
        ledger.waiting()
        ledger.counts()
        ledger.seen()

    def close(self) -> None:
        """Give the ledger back."""
        if self._ledger is not None:
            self._ledger.close()

    def check_keys(self) -> None:
        """Open the keys of the epoch in force, and have them do something."""
        from lakzegel_agent.liaison import introduction_in_force  # noqa: PLC0415

        self._current = introduction_in_force(self._opened(), self._keys)
        if self._current is not None:
            key = self._current.keys.header
            key.verifier.verify(key.sign(_PROBE), _PROBE)

    def check_policy(self) -> None:
        """Read the policy in force and its annex."""
        from lakzegel_agent import policies  # noqa: PLC0415

        if self._current is not None:
            made = self._current.enrolment
            reader = policies.Reader(made.device, made.group, self._keys.annex_identities())
            policies.recall(self._opened(), reader)

    def check_spool(self) -> None:
        """Read what of each batch in the spool is needed to send it."""
        from lakzegel_agent.spool import Spool  # noqa: PLC0415
        from lakzegel_core.batch import open_batch_file  # noqa: PLC0415

        spool, known = Spool(self._home.spool), sorted(self._opened().spooled())
        for epoch, batch in known[-_HEADS:]:
            head = spool.path(epoch, batch, "head").read_bytes()
            size = len(head) + spool.path(epoch, batch, "body").stat().st_size
            open_batch_file(_reader(head), size=size)
            spool.path(epoch, batch, "keyring").stat()

    def _opened(self) -> Ledger:
        if self._ledger is None:
            raise UndecidedError("the ledger is not open")
        return self._ledger


def _reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda start, size: data[start : start + size]


def _dry_run(folder: Path) -> None:
    from lakzegel_agent.dryrun import dry_run  # noqa: PLC0415
    from lakzegel_agent.errors import UnwritableError  # noqa: PLC0415

    place = folder / "dry-run"
    place.mkdir()
    try:
        dry_run(place, random=os.urandom)
    except UnwritableError as error:
        raise UndecidedError(str(error)) from error


def check_watch(folder: Path, *, seconds: float = _HINT) -> None:
    """Hear of a change in the folder, where the system gives a watch at all.

    Raises:
        UndecidedError: nothing was heard, and a share, or a slow system, would explain it.
    """
    from lakzegel_agent.watch import Watcher  # noqa: PLC0415

    heard, root = threading.Event(), os.fsencode(folder)
    watcher = Watcher.start([root], hint=lambda *_: heard.set(), lost=heard.set)
    try:
        if root in watcher.unsure:
            return
        (folder / "hint").write_bytes(_PROBE)
        if not heard.wait(seconds):
            raise UndecidedError("no hint of a change was heard")
    finally:
        watcher.stop()


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder of its own, gone afterwards.

    Raises:
        UndecidedError: it cannot be made.
    """
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
    except OSError as error:
        raise UndecidedError(f"no scratch folder ({error.strerror})") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
