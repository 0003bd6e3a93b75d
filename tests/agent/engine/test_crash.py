# SPDX-License-Identifier: EUPL-1.2
"""Killed at any moment, the engine loses nothing and seals nothing twice."""

import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_agent.errors import SealingError, SpoolFullError
from lakzegel_agent.sealing.messages import receive

HERE = Path(__file__).parent


def dying(folder, step, *mode, **more):
    """Start a pass in a process of its own that dies at a step; -1: never."""
    code = (
        "# fork of lakzegel_agent\n"
        "import importlib.util, sys;"
        "spec = importlib.util.spec_from_file_location('tests_conftest', sys.argv.pop(1));"
        "module = importlib.util.module_from_spec(spec);"
        "sys.modules['tests_conftest'] = module; spec.loader.exec_module(module);"
        "import runpy; sys.argv.pop(0);"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, HERE / "conftest.py", HERE / "dying.py", folder]
    return subprocess.Popen(
        [*map(str, command), str(step), *mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


def corpus(engine):
    files = {b"klein-%d" % n: os.urandom(40_000) for n in range(6)}
    files[b"groot"] = os.urandom(13 * 2**17)
    files[b"leeg"] = b""
    for path, data in files.items():
        engine.write(path, data)
    return files


def require_whole(engine, files):
    """Everything is there, once, and no file lies in the spool that the ledger does not know."""
    archive = engine.archive()
    assert archive.versions() == {path: [data] for path, data in files.items()}
    segments = archive.of_kind("segment")
    assert len({s.item.core["sha256"] for s in segments}) == len(segments)
    names = {path.name for path in engine.spool.folder.iterdir()}
    known = {f"{e}-{b}" for e, b in engine.ledger.spooled()}
    assert names == {f"{stem}.{kind}" for stem in known for kind in ("head", "body", "keyring")}
    counts = engine.ledger.counts()
    assert (counts.sealed, counts.failed) == (len(files), 0)


@pytest.mark.parametrize(
    "stride", [pytest.param(3, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)]
)
def test_killed_before_or_after_a_step_the_next_pass_completes_the_work(
    tmp_path, make_engine, stride
):
    """Each step in the long form; in the short one those of every third number, by chance which."""
    step, finished = random.SystemRandom().randrange(stride), False
    while not finished:
        folder = tmp_path / str(step)
        folder.mkdir()
        engine = make_engine(folder)
        files = corpus(engine)
        engine.close()
        process = dying(folder, step)
        out, err = process.communicate()
        assert process.returncode in (0, 9), err.decode()
        finished = process.returncode == 0
        engine = make_engine(folder)
        engine.spool.tidy(engine.ledger.spooled())
        engine.use(batch_limit=120_000)
        engine.capture()
        require_whole(engine, files)
        engine.close()
        step += stride if step < 30 else 16 + stride  # closing a batch takes 14 of them
    assert step > 20
    assert out


def test_killed_at_any_step_of_a_mail_that_was_appended_it_is_sealed_once(tmp_path, make_engine):
    mails = [
        f"From - Mon Mar 11 08:01:10 2024\n\n{random.Random(n).randbytes(9_000).hex()}\n\n".encode()
        for n in range(80)
    ]
    (tmp_path / "before").mkdir()
    engine = make_engine(tmp_path / "before")
    engine.watch(reader="mbox")
    engine.write("Inbox", b"".join(mails[:-1]))
    engine.capture()
    engine.write("Inbox", b"".join(mails))
    engine.close()
    step, code = 0, 9
    while code:
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "before", folder)
        process = dying(folder, step, "grown")
        out, err = process.communicate()
        code = process.returncode
        assert code in (0, 9), err.decode()
        engine = make_engine(folder)
        engine.watch(reader="mbox")
        engine.spool.tidy(engine.ledger.spooled())
        engine.capture()
        archive = engine.archive()
        assert archive.versions() == {b"Inbox": [b"".join(mails[:-1]), b"".join(mails)]}
        assert [s.item.payload for s in archive.of_kind("segment")] == mails
        assert engine.ledger.counts().sealed == 2
        engine.close()
        step += 1
    assert step > 20
    assert int(out) == step - 1


def test_killed_at_random_moments_again_and_again_nothing_is_lost(tmp_path, make_engine):
    engine = make_engine(tmp_path)
    files = corpus(engine)
    engine.close()
    moments = random.Random(7)
    for _ in range(12):
        process = dying(tmp_path, -1)
        try:
            process.communicate(timeout=moments.uniform(0.2, 0.9))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    process = dying(tmp_path, -1)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    engine = make_engine(tmp_path)
    require_whole(engine, files)
    engine.close()


def test_a_process_that_is_killed_is_replaced_and_its_batch_made_again(engine):
    files = corpus(engine)
    engine.use(batch_limit=200_000)
    killed = []

    def kill_once(row):
        engine.rows.append(row)
        if not killed:
            [pid] = engine.pool.pids()
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    engine.capture(on_batch=kill_once)
    assert killed
    require_whole(engine, files)


def test_a_file_that_kills_every_process_fails_alone(engine, monkeypatch, tmp_path):
    poison = tmp_path / "sitecustomize.py"
    poison.write_text(
        "import os\n"
        "real = os.open\n"
        "def open_(path, *args, **kwargs):\n"
        "    if isinstance(path, bytes) and path.endswith(b'gif'):\n"
        "        os._exit(1)\n"
        "    return real(path, *args, **kwargs)\n"
        "os.open = open_\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for n in range(5):
        engine.write(f"{n}", b"%d" % n)
    engine.write("gif", b"x")
    engine.capture()
    assert set(engine.archive().latest()) == {b"%d" % n for n in range(5)}
    assert engine.ledger.counts().reasons == {"unsealable": 1}
    assert engine.archive().observations("failed")[0]["reason"] == "unsealable"


@pytest.mark.parametrize(
    "garbage",
    [b"\0\0\0\4\3abc", b"\xff\xff\xff\xff", b"\0\0\0\2\x80"],
    ids=["no pickle", "no length", "half a pickle"],
)
def test_a_process_that_answers_garbage_is_one_that_is_gone(garbage):
    assert receive(io.BytesIO(garbage + bytes(100))) is None


@pytest.mark.real_start
def test_processes_that_cannot_start_end_the_pass_with_nothing_lost(engine, monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(1)\n")
    engine.write("a", b"1")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(SealingError):
            engine.capture()
    engine.capture()
    assert engine.archive().latest() == {b"a": b"1"}


def test_a_stop_ends_the_pass_soon_and_the_next_one_goes_on(engine):
    files = corpus(engine)
    engine.use(batch_limit=100_000)

    def stop(row):
        engine.rows.append(row)
        engine.stop.set()

    report = engine.capture(on_batch=stop)
    assert report.stopped
    assert 0 < len(engine.rows) < 10
    assert not list(engine.spool.folder.glob("*.part"))
    engine.stop.clear()
    assert not engine.capture().stopped
    require_whole(engine, files)


def test_a_stop_does_not_wait_for_a_process_that_hangs(engine):
    files = corpus(engine)
    engine.use(batch_limit=50_000)
    hung = []

    def hang(row):
        engine.rows.append(row)
        hung.extend(engine.pool.pids())
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        engine.stop.set()

    assert engine.capture(on_batch=hang).stopped
    assert hung
    assert engine.pool.pids() == ()
    engine.stop.clear()
    engine.capture()
    require_whole(engine, files)


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of two megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "lakzegel-test", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_said_and_the_same_call_goes_on_once_there_is_room(
    tiny_disk, tmp_path, make_engine
):
    engine = make_engine(tmp_path, home=tiny_disk)
    files = {b"%d" % n: os.urandom(300_000) for n in range(10)}
    for path, data in files.items():
        engine.write(path, data)
    engine.use(batch_limit=400_000)
    found = {}
    for _ in range(20):
        try:
            engine.capture()
            done = True
        except SpoolFullError:
            done = False
        assert not list(engine.spool.folder.glob("*.part"))
        assert set(engine.ledger.spooled()) == {
            tuple(map(int, path.stem.split("-"))) for path in engine.spool.folder.glob("*.head")
        }
        found.update(ship(engine))
        if done:
            break
    assert done
    assert found == files
    assert engine.ledger.counts().sealed == len(files)
    engine.close()


def test_a_disk_that_the_ledger_finds_full_leaves_it_as_it_was(tiny_disk, tmp_path, make_engine):
    engine = make_engine(tmp_path, home=tiny_disk)
    engine.write("a", b"1")
    filler = tiny_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(SpoolFullError):
        engine.capture()
    filler.unlink()
    engine.capture()
    assert engine.archive().latest() == {b"a": b"1"}
    engine.close()


def ship(engine):
    """Open what waits, as if it were sealed and held; make room."""
    from lakzegel_agent.ledger import Seen  # noqa: PLC0415

    latest = engine.archive_of_all().latest()
    for row in engine.ledger.waiting():
        engine.ledger.mark_sealed(row.id, row.batch, b"r", Seen(row.batch + 1, bytes(32), b"c"))
        engine.ledger.mark_released(row.id)
        engine.spool.remove(row.epoch, row.batch)
    return latest
