# SPDX-License-Identifier: EUPL-1.2
"""The receiver is wiped and yesterday's backup restored: nobody has to do anything but start it."""

import base64
import json
import select
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from lakzegel_server import accounts
from lakzegel_server.accounts import AccountRole
from lakzegel_server.database import Database
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.people import trailrows
from lakzegel_server.people.trailrows import State
from tests.path.waiting import await_phase, await_that


class Office:
    """The office's own server, which can be away for a while and comes back where it was."""

    def __init__(self, world, lakzegel):
        self.home = world.office_home
        self.listen = "127.0.0.1:0"
        token = world.root / "receiver.token"
        made = lakzegel("office", "witness", "--home", self.home, "--new-token", "receiver")
        token.write_text(made.stdout.strip() + "\n")
        token.chmod(0o600)
        self.token = token

    @contextmanager
    def there(self):
        program = [sys.executable, "-m", "lakzegel_office", "witness", "--mirror-only"]
        command = [*program, "--home", str(self.home), "--listen", self.listen]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                assert select.select([process.stdout], [], [], 60)[0]
                url = process.stdout.readline().decode().split()[-1]
                self.listen = url.removeprefix("http://")
                yield url
            finally:
                process.terminate()


def put_back_the_backup(world, lakzegel):
    restored = lakzegel(
        "server", "restore", "--from", world.root / "backup", "--data", world.server.data, "--check"
    )
    assert "0 doubts" in restored.stdout


def put_back_the_keys(world, _lakzegel):
    world.server.data.mkdir(mode=0o700)
    for name in ("server.toml", "settings.toml"):
        shutil.copy(world.root / "apart" / name, world.server.data)
    shutil.copytree(world.root / "apart" / "keys", world.server.data / "keys")


def back_up_yesterday(ready, lakzegel, office, url):
    """A receiver that asks this office, has sealed a file, and was backed up after it."""
    ready.server.stop()
    (ready.server.data / "settings.toml").write_text(
        f'[office]\nurl = "{url}"\ntoken_file = "{office.token}"\n'
    )
    ready.server.start()
    await_phase(ready, "sealing")
    (ready.sources["map"][1] / "gisteren.txt").write_text("gisteren")
    ready.once()
    lakzegel("server", "backup", "--data", ready.server.data, ready.root / "backup", "--keys")


def put_back_the_keys_and_the_trail(world, lakzegel):
    """An auditor had fetched the segments, and gives them back."""
    put_back_the_keys(world, lakzegel)
    shutil.copytree(world.root / "apart" / "trail", world.server.data / "trail")


@pytest.mark.parametrize(
    "put_back",
    [
        put_back_the_backup,
        put_back_the_keys,
        pytest.param(put_back_the_keys_and_the_trail, marks=pytest.mark.soak),
    ],
)
def test_wiped_and_put_back_it_seals_nothing_until_it_is_whole_and_agents_just_go_on(
    ready, lakzegel, same_tree, put_back
):
    folder = ready.sources["map"][1]
    office = Office(ready, lakzegel)
    with office.there() as url:
        back_up_yesterday(ready, lakzegel, office, url)
        (folder / "vandaag.txt").write_text("vandaag")
        ready.once()
        ready.pull()
        was = log_of(ready)
    ready.server.stop()
    shutil.move(ready.server.data, ready.root / "apart")  # the receiver is gone
    put_back(ready, lakzegel)
    ready.server.start()
    await_phase(ready, "asking")
    (folder / "daarna.txt").write_text("daarna")
    agent = once(ready)  # it finds nobody who takes what it has, and waits
    await_that(lambda: "ReadOnlyError" in (ready.root / "server.log").read_text(), "no refusal")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{ready.server.url}/log/checkpoint", timeout=10)
    with office.there():
        out, err = agent.communicate(timeout=60)
        assert agent.returncode == 0, err
        assert json.loads(out)["failed"] == 0
        assert log_of(ready)[: len(was)] == was
        assert not alarms(ready)
        make_account(ready)
        ready.pull()
    ready.verify()
    assert same_tree(folder, ready.restore() / "map") == []
    ready.check()  # what nobody but that disk had is told as lost, and is no doubt
    assert lost_segments(ready) == (2 if put_back is put_back_the_keys else 0)


@pytest.mark.soak
def test_what_only_a_device_holds_a_receipt_for_is_not_written_over(ready, lakzegel):
    folder = ready.sources["map"][1]
    office = Office(ready, lakzegel)
    with office.there() as url:
        back_up_yesterday(ready, lakzegel, office, url)
        ready.pull()
    (folder / "vandaag.txt").write_text("vandaag")
    ready.once()  # sealed, and the office has not pulled it
    ready.server.stop()
    shutil.move(ready.server.data, ready.root / "apart")
    put_back_the_backup(ready, lakzegel)
    ready.server.start()
    await_phase(ready, "asking")
    (folder / "daarna.txt").write_text("daarna")
    agent = once(ready)
    await_that((ready.server.data / "ahead").exists, "the device's word was not kept")
    with office.there():
        await_phase(ready, "short")
        agent.terminate()
        agent.communicate(timeout=60)
        assert not alarms(ready)
        ready.server.stop()
        ready.server.start()
        await_phase(ready, "short")


def once(world):
    """A look at everything that goes on meanwhile."""
    program = [sys.executable, "-m", "lakzegel_agent", "once", "--json"]
    return subprocess.Popen(
        [*program, "--config", world.config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def make_account(world):
    """The office's account is in no log: it is made again where it is gone."""
    name, _, secret = (world.root / "records.token").read_text().strip().partition(".")
    database = Database.open(world.server.data / "index.sqlite")
    if not accounts.listing(database):
        raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        moment = "2026-11-24T02:00:00Z"
        accounts.add(database, name, AccountRole.RECORDS, secret=raw, now=moment)
    database.close()


def lost_segments(world):
    """How many segments of the audit trail the receiver knows to be lost."""
    database = Database.open_readonly(world.server.data / "index.sqlite")
    found = trailrows.segments(database.connection)
    database.close()
    return sum(segment.state is State.LOST for segment in found)


def alarms(world):
    """Problems that the device has with the log."""
    codes = {problem["code"] for problem in world.status()["problems"]}
    return codes & {"rollback", "fork", "superseded", "revoked"}


def log_of(world):
    """Every entry, as it lies there."""
    layout = Layout(world.server.data)
    size = int(layout.log.joinpath("checkpoint").read_text().split("\n")[1])
    return list(LogStore(layout.log, layout.incoming).entries(0, size))
