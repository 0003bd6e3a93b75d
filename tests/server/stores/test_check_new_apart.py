# SPDX-License-Identifier: EUPL-1.2
"""`check --since last` beside PostgreSQL and S3: it goes on, and names what is wrong."""

import base64
import hashlib
import time
from contextlib import closing

import pytest

from lakzegel_core import savepoint
from lakzegel_core.tiles import TileId
from lakzegel_server.__main__ import main
from lakzegel_server.database import Database
from lakzegel_server.layout import Layout
from lakzegel_server.stores.opening import StorePlace, StorePlaces, opened
from lakzegel_server.stores.stores import Stores
from tests.server.conftest import world_at
from tests.server.rekeyed import Change
from tests.server.stores.conftest import KNOWN, ORIGIN
from tests.server.stores.test_commands import SECRET

NEW = 3  # batches after the last check


class Apart:
    """A receiver with its index in PostgreSQL or a file, and its objects in S3 or files."""

    def __init__(self, folder, index, buckets):
        self.data, self.index, self.buckets = folder / "data", index, buckets
        places = [StorePlace(one.place, KNOWN) for one in buckets]
        self._places = StorePlaces(*places)
        self._credentials = folder / "credentials"
        self._credentials.write_text(SECRET)
        self._credentials.chmod(0o600)

    def open(self):
        index = Layout(self.data, index=self.index).database
        below = Stores.below(self.data)
        return opened(below, index, self._places, ORIGIN, time.time)

    def settings(self):
        """As an operator names them."""
        lines = ["[stores]"]
        if self.index is not None:
            lines.append(f'database = "{self.index.url}"')
        for name, bucket in zip(("objects", "keyrings"), self.buckets, strict=False):
            lines += [f'{name} = "{bucket.url}"', f'{name}_credentials = "{self._credentials}"']
        (self.data / "settings.toml").write_text("\n".join(lines) + "\n")

    def change(self, sql):
        """A statement to the index, past whoever keeps its rows."""
        place = Layout(self.data, index=self.index).database
        with closing(Database.open(place)) as database, database.transaction() as change:
            return change.execute(sql).rowcount


LONG = ("postgresql-files", "sqlite-s3")


@pytest.fixture(
    params=["postgresql-s3", *(pytest.param(one, marks=pytest.mark.soak) for one in LONG)]
)
def apart(request, tmp_path):
    engine, _, where = request.param.partition("-")
    index = request.getfixturevalue("address") if engine == "postgresql" else None
    names = ("object_bucket", "keyring_bucket") if where == "s3" else ()
    return Apart(tmp_path, index, [request.getfixturevalue(name) for name in names])


@pytest.fixture
def check(apart, capsys):
    """The lines of an incremental check."""

    def run(*more):
        apart.settings()
        capsys.readouterr()
        code = main(["check", "--data", str(apart.data), *(more or ("--since", "last"))])
        said = capsys.readouterr()
        assert code == (len(said.out.splitlines()) > 1), said
        return said.out.splitlines()

    return run


def stated(apart):
    return int((apart.data / "checked").read_text().split()[0])


def grow(world, device, old, serial=9):
    """Something new of everything, and a new keyring of what is old."""
    uploads = [device.seal([b"een", b"twee"]) for _ in range(NEW)]
    for upload in uploads:
        world.receipt(world.client.put(upload), upload)
    annex = b"annex %d" % serial
    name = hashlib.sha256(annex).hexdigest()
    assert world.as_("records")("PUT", f"/v1/annexes/{name}", annex).status_code == 204
    named = {"minister": base64.b64encode(hashlib.sha256(annex).digest()).decode()}
    note = world.office.policy_note(serial, "device:minister", annexes=named)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    held = world.office.held_note(world.client.checkpoint().checkpoint)
    assert world.client("POST", "/v1/held", held).status_code == 204
    change = Change(world, old, 1)
    answer = world.as_("records")("POST", f"/v1/keyrings/{old.name}", change.body)
    assert answer.status_code == 200
    return uploads, f"annexes/{name}"


def spoilt(stores, place):
    """The place gives other bytes of that length; what puts it right again."""
    store = stores.keyrings if place.startswith("keyrings/") else stores.objects
    good = store.read(place, 2**20)
    store.supersede(place, good[:-1] + bytes([good[-1] ^ 1]))
    return lambda: store.supersede(place, good)


def test_what_is_new_is_checked_and_the_rest_is_gone_on_from(apart, check):
    with apart.open() as stores, world_at(apart.data, apart.index, stores) as world:
        device = world.enrol()
        old = [device.seal([b"een", b"twee"]) for _ in range(2)]
        for upload in old:
            world.receipt(world.client.put(upload), upload)
        assert len(check("--since", "0")) == 1
        before = stated(apart)
        grow(world, device, old[0])
        (line,) = check()  # beside the receiver that serves
        assert f"{NEW} batches" in line
        assert f"from entry {before} on" in line
        assert stated(apart) > before + NEW
        kept = savepoint.peek([(apart.data / "checked.savepoint").read_bytes()])
        assert kept.size == stated(apart)
        new, annex = grow(world, device, old[1], 10)
    before = stated(apart)
    with apart.open() as stores:
        changed = f"keyrings/{old[1].name}.keyring"
        batch, keyring = f"batches/{new[-1].name}.batch", f"keyrings/{new[-1].name}.keyring"
        for place in (batch, keyring, annex, changed):
            mend = spoilt(stores, place)
            lines = check()
            assert [line for line in lines if line.startswith(f"{place}:")], lines
            assert len(lines) == 2
            mend()
        spoilt(stores, f"batches/{old[0].name}.batch")
    (line,) = check()
    assert f"{NEW} batches" in line
    assert stated(apart) > before
    assert len(check("--since", "0")) == 2


ROWS = {
    "entries": "SET id = '\\x00' WHERE idx = (SELECT max(idx) FROM entries)",
    "held": "SET size = 1",
    "documents": "SET size = size + 1 WHERE name = 'log/checkpoint'",
    "shared_keys": "SET vkey = vkey || 'x'",
    "edge_tiles": "SET width = 2",
}


@pytest.mark.parametrize("apart", ["postgresql-s3"], indirect=True)
def test_every_row_of_the_database_that_was_changed_is_named(apart, check):
    with apart.open() as stores, world_at(apart.data, apart.index, stores) as world:
        device = world.enrol()
        upload = device.seal([b"een", b"twee"])
        world.receipt(world.client.put(upload), upload)
        stores.tiles._rows.keep([(TileId(1, 0, 1), bytes(32))])
        assert len(check("--since", "0")) == 1
        grow(world, device, upload)
    before = stated(apart)
    for table, change in ROWS.items():
        assert apart.change(f"UPDATE {table} {change}") > 0
    lines = check()
    for table in ROWS:
        assert [line for line in lines if f": table {table}: " in line], (table, lines)
    assert stated(apart) == before
