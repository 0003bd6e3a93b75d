# SPDX-License-Identifier: EUPL-1.2
"""A device whose system is Windows, by its recorded calls: capture, change, hold, delete."""

import os
from pathlib import Path

import pytest

from lakzegel_agent.platforms import posix
from tests.agent.platforms.recorded import become_windows


@pytest.fixture
def kernel(monkeypatch):
    return become_windows(monkeypatch)


@pytest.fixture
def device(kernel, engine):
    engine.pool.prefer_here(safe=True)  # a worker would be a process of this system
    return engine


def test_what_appears_and_changes_is_sealed_once(kernel, device):
    device.write("a.txt", b"first")
    device.write("deep/er/b.bin", bytes(range(256)) * 40)
    device.write("lp t1 ü.txt", b"x")
    device.capture()
    device.write("a.txt", b"second")
    device.capture()
    device.capture()
    assert device.archive().versions() == {
        b"a.txt": [b"first", b"second"],
        b"deep/er/b.bin": [bytes(range(256)) * 40],
        "lp t1 ü.txt".encode(): [b"x"],
    }
    assert device.ledger.counts().sealed == 4
    called = {call for call, _ in kernel.asked}
    assert {"open", "create", "move"} <= called


def test_a_link_is_counted_and_leads_nowhere(device, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(b"x")
    (device.root / "junction").symlink_to(tmp_path / "elsewhere")
    device.write("a.txt", b"mine")
    device.capture()
    assert device.archive().versions() == {b"a.txt": [b"mine"]}
    assert device.ledger.counts().reasons == {"symlink": 1}


def test_a_file_that_another_holds_is_locked_and_taken_later(kernel, device):
    held = str(device.write("outlook.ost", b"mail"))
    kernel.held = {held: 10_000}
    device.capture()
    assert device.ledger.counts().reasons == {"locked": 1}
    kernel.held = {}
    device.capture()
    assert device.archive().versions() == {b"outlook.ost": [b"mail"]}


def test_a_scanner_that_looks_at_each_new_file_costs_no_batch(kernel, device, monkeypatch):
    real = kernel.create

    def looked_at(path, flags, mode):
        descriptor = real(path, flags, mode)
        if flags & os.O_CREAT:
            kernel.held[str(Path(f"/proc/self/fd/{descriptor}").readlink())] = 2
        return descriptor

    monkeypatch.setattr(kernel, "create", looked_at)
    for number in range(5):
        device.write(f"{number}", b"%d" % number)
        device.capture()
    assert len(device.archive().headers) == 5
    assert any(call == "move" for call, _ in kernel.asked)


def test_it_is_windows_that_was_asked(kernel):
    assert posix.open_to_read.__module__ == "lakzegel_agent.platforms.windows"
