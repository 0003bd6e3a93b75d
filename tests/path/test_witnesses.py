# SPDX-License-Identifier: EUPL-1.2
"""A device lets go on the strength of witnesses: the office's server, and one of outside."""

import json
import select
import subprocess
import sys
import tomllib
from contextlib import ExitStack, contextmanager

import pytest

from tests.path.waiting import await_phase


@contextmanager
def answering(command):
    """A process that says where it answers, while it does."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert select.select([process.stdout], [], [], 60)[0]
            yield process.stdout.readline().decode().split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def witnessed(ready, lakzegel):
    """The template's custody, under a policy that wants two witnesses; both answer."""
    office = ("--home", ready.office_home, "--passphrase-file", ready.root / "passphrase")
    outside = ("--home", ready.root / "outside", "--log-keys", ready.server.data / "log.keys")
    made = lakzegel("office", "witness", "--home", ready.root / "outside", "--new-key", "w.example")
    keys = [tomllib.loads((ready.office_home / "office.toml").read_text())["keys"]["witness"]]
    keys.append(made.stdout.strip())
    with ExitStack() as stack:
        settings = []
        for key, more in zip(keys, (office, outside), strict=True):
            program = [sys.executable, "-m", "lakzegel_office", "witness"]
            command = [*program, *map(str, more), "--listen", "127.0.0.1:0"]
            url = stack.enter_context(answering(command))
            settings.append(f'[[witness]]\nurl = "{url}"\nkey = "{key}"\n')
        ready.server.stop()
        (ready.server.data / "settings.toml").write_text("".join(settings))
        ready.server.start()
        await_phase(ready, "sealing")
        ready.release = "sealed"
        ready.more = f"[quorum]\nwitnesses = {json.dumps(keys)}\nthreshold = 2\n"
        ready.set_policy()
        yield ready


def test_a_device_lets_go_before_the_office_has_anything(witnessed):
    folder = witnessed.sources["map"][1]
    (folder / "brief.txt").write_bytes(b"een brief")
    witnessed.once()
    witnessed.once()  # asks again for what its receipt lacked, if it lacked anything
    spool = witnessed.status()["spool"]
    assert spool["batches"] == 0, spool
    witnessed.pull()
    witnessed.verify()  # which wants the quorum too
