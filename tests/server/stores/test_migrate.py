# SPDX-License-Identifier: EUPL-1.2
"""From files to PostgreSQL and S3: the same log, byte for byte, whatever ends it meanwhile."""

import argparse
import random
import shutil
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_server.__main__ import main
from lakzegel_server.commands.placed import destined, placed, stored
from lakzegel_server.database import Database
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_signer
from lakzegel_server.logstore import LogStore, edge_tiles
from lakzegel_server.migrating.migrating import migrate
from lakzegel_server.settings import load
from tests import s3server

ENTRIES = 520  # two full bundles, and a rest


class Worked:
    """A receiver that was at work, and ended."""

    def __init__(self, kit, data):
        self.kit = kit
        with kit.world_at(data) as self.world:
            self.device = self.world.enrol()
            self.uploads = [self._send(b"first"), self._send(b"second")]
            self._grow()
            self.uploads.append(self._send(b"third"))
        store = LogStore(data / "log", data / "incoming")
        self.checkpoint = store.read_checkpoint()
        self.size = open_checkpoint(self.checkpoint, self.world.keys).checkpoint.size
        self.tiles = {tile.path: store.read(tile.path) for tile in edge_tiles(0, self.size)}

    def _send(self, payload):
        upload = self.device.seal([payload])
        self.world.receipt(
            self.world.client("PUT", f"/v1/batches/{upload.name}", upload.body), upload
        )
        return upload

    def _grow(self):
        office, log = self.world.office, self.world.desk.log
        missing = ENTRIES - log.shown.checkpoint.size
        notes = [
            office.admission(self.kit.new_key(f"{self.kit.ORIGIN}/token/{i}"), device=f"d{i}")
            for i in range(missing)
        ]
        log.append(notes)


@pytest.fixture(scope="module")
def worked(kit, tmp_path_factory):
    return Worked(kit, tmp_path_factory.mktemp("worked") / "data")


class Moving:
    """A copy of that receiver, and where it is to go."""

    def __init__(self, worked, data, address, objects, keyrings):
        shutil.copytree(worked.world.data, data)
        self.kit, self.world, self.uploads = worked.kit, worked.world, worked.uploads
        self.checkpoint, self.size, self.tiles = worked.checkpoint, worked.size, worked.tiles
        self.device = replace(worked.device)
        self.address, self.objects, self.keyrings = address, objects, keyrings
        self.layout = Layout(data)
        self.credentials = data.parent / "credentials"
        self.credentials.write_text(
            f"[default]\naws_access_key_id = {s3server.KEY}\n"
            f"aws_secret_access_key = {s3server.SECRET}\n"
        )
        self.credentials.chmod(0o600)

    @property
    def settings(self):
        """What the operator writes when everything went over."""
        return (
            "[stores]\n"
            f'database = "{self.address.url}"\n'
            f'objects = "{self.objects.url}"\nobjects_credentials = "{self.credentials}"\n'
            f'keyrings = "{self.keyrings.url}"\nkeyrings_credentials = "{self.credentials}"\n'
        )

    def configure(self):
        self.layout.settings.write_text(self.settings)

    @property
    def arguments(self):
        return argparse.Namespace(data=self.layout.data, database=None, objects=None, keyrings=None)

    @contextmanager
    def moved(self):
        """The receiver as its settings say."""
        settings = load(self.layout)
        layout = placed(self.arguments, settings)
        with stored(self.arguments, settings, layout) as whole:
            yield whole

    def migrate(self, tell=lambda _what, _count: None):
        with destined(self.arguments, load(self.layout)) as target:
            return migrate(self.layout, target, tell)

    def command(self, *more):
        return main(["migrate", "--data", str(self.layout.data), *more])


@pytest.fixture
def moving(worked, tmp_path, address, object_bucket, keyring_bucket):
    return Moving(worked, tmp_path / "data", address, object_bucket, keyring_bucket)


def require_the_same(moving):
    """Everything is where the settings say, nothing else has changed, and it goes on."""
    with moving.moved() as layout:
        assert [str(d) for d in check(layout).doubts] == []
        store = LogStore.of(layout.stores, layout.log, layout.incoming)
        assert store.read_checkpoint() == moving.checkpoint
        assert {path: store.read(path) for path in moving.tiles} == moving.tiles
        signer = load_signer(layout)
        with moving.kit.serving(layout, signer) as (url, desk):
            client = moving.kit.Client(url, signer.keys).as_(moving.world.tokens["records"])
            for upload in moving.uploads:
                assert client("GET", f"/v1/batches/{upload.name}").content == upload.batch
                assert client("GET", f"/v1/keyrings/{upload.name}").content == upload.keyring
            upload = moving.device.seal([b"after the move"])
            moving.world.receipt(client("PUT", f"/v1/batches/{upload.name}", upload.body), upload)
            assert (
                desk.log.shown.reader.root(moving.size)
                == open_checkpoint(moving.checkpoint, signer.keys).checkpoint.root
            )
            client.close()


def test_the_log_is_the_same_byte_for_byte_and_goes_on_where_it_was_moved_to(moving, capsys):
    moving.configure()
    assert moving.command() == 0
    told = capsys.readouterr().out
    assert f"{moving.size} entries of the log" in told
    assert "3 keyrings" in told
    require_the_same(moving)
    data = moving.layout.data
    assert not (data / "index.sqlite").exists()
    assert (data / "moved/index.sqlite").exists()
    assert list((data / "keyrings").iterdir()) == []
    assert len(list((data / "moved/batches").iterdir())) == 3


@pytest.mark.soak
def test_an_index_alone_goes_to_postgresql_and_files_stay(moving):
    moving.layout.settings.write_text(f'[stores]\ndatabase = "{moving.address.url}"\n')
    assert moving.command() == 0
    require_the_same(moving)
    assert len(list((moving.layout.data / "keyrings").iterdir())) == 4


@pytest.mark.soak
def test_objects_alone_go_to_a_store_and_the_index_stays(moving):
    text = moving.settings.replace(f'database = "{moving.address.url}"\n', "")
    moving.layout.settings.write_text(text)
    assert moving.command() == 0
    require_the_same(moving)
    assert (moving.layout.data / "index.sqlite").exists()


class StoppedError(Exception):
    """What ends a migration in a test."""


@pytest.mark.parametrize(
    "at",
    [
        4,
        pytest.param(1, marks=pytest.mark.soak),
        pytest.param(9, marks=pytest.mark.soak),
        pytest.param(16, marks=pytest.mark.soak),
    ],
)
def test_what_was_cut_off_is_served_by_nobody_and_goes_on_to_the_end(moving, at):
    moving.configure()
    said = 0

    def tell(_what, _count):
        nonlocal said
        said += 1
        if said == at:
            raise StoppedError

    with pytest.raises(StoppedError):
        moving.migrate(tell)
    assert main(["serve", "--data", str(moving.layout.data), "--listen", "127.0.0.1:0"]) == 2
    assert moving.migrate().size == moving.size
    require_the_same(moving)


@pytest.mark.soak
def test_killed_again_and_again_it_ends_with_the_same_log(moving):
    moving.configure()
    dice = random.Random(7)
    command = [sys.executable, "-m", "lakzegel_server", "migrate", "--data", moving.layout.data]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.3, 1.2))
        process.kill()
        process.wait()
        if (moving.layout.data / "moved").exists():
            break
    if (moving.layout.data / "index.sqlite").exists():
        assert moving.migrate().size == moving.size
    else:
        assert moving.command() == 0
    require_the_same(moving)


def test_another_logs_index_is_refused_and_nothing_is_touched(moving, kit, capsys):
    kit.make_receiver(moving.layout.data.parent / "other", kit.Office(), moving.address)
    moving.configure()
    assert moving.command() == 2
    assert "holds a log of 1 entries that is not this one" in capsys.readouterr().err
    assert (moving.layout.data / "index.sqlite").exists()
    assert list(moving.layout.stores.keyrings.names("keyrings/"))


def test_a_receiver_of_data_that_was_left_does_not_start(moving, capsys):
    moving.configure()
    assert moving.command() == 0
    moving.layout.settings.unlink()
    assert main(["serve", "--data", str(moving.layout.data), "--listen", "127.0.0.1:0"]) == 2
    assert "was moved to a database" in capsys.readouterr().err
    assert not (moving.layout.data / "index.sqlite").exists()


def test_without_a_place_to_go_to_it_says_so(moving, capsys):
    assert moving.command() == 2
    assert "nothing to migrate" in capsys.readouterr().err


def test_a_receiver_that_serves_is_not_moved(moving, kit):
    moving.configure()
    signer = load_signer(moving.layout)
    with kit.serving(moving.layout, signer):
        assert moving.command() == 2


def test_a_batch_without_a_place_in_the_log_stays_behind(moving):
    moving.configure()
    unsealed = moving.device.seal([b"never sealed"], advance=False)
    moving.layout.batch(unsealed.name).write_bytes(unsealed.batch)
    assert moving.command() == 0
    with moving.moved() as layout:
        assert layout.stores.objects.size(f"batches/{unsealed.name}.batch") is None


def test_a_damaged_bundle_ends_it_before_anything_is_set_aside(moving, capsys):
    moving.configure()
    bundle = next((moving.layout.log / "tile/entries").rglob("001"))
    data = bytearray(bundle.read_bytes())
    data[1000] ^= 1
    bundle.write_bytes(data)
    assert moving.command() == 1
    assert "another root" in capsys.readouterr().err
    assert (moving.layout.data / "index.sqlite").exists()
    assert any((moving.layout.data / "keyrings").iterdir())
    with closing(Database.open(moving.address)) as database:
        assert database.size() == 0
