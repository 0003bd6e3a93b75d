# SPDX-License-Identifier: EUPL-1.2
"""Destruction over a real receiver, from proposal to erasure, whatever is killed on the way.

After each kill the command is given again. Then exactly what was approved is gone at the receiver
and here, everything else reads as it did, no old keyring is left and no key is gone too many.
"""

import hashlib
import random
import subprocess
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from lakzegel_core.keyring import DESTROYED, open_keyring
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.config import read_config
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.home import Home
from lakzegel_office.keys.login import login_alone
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from tests.path.conftest import PASSPHRASE, command
from tests.path.killed import killed_after, killed_at, steps_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SELECTION = """
[[category]]
code = "prive"
appraisal = "V"
term = "0d"
ground = "AVG art. 17"
about = "Privé"
"""


def letter(number):
    head = f"Message-ID: <{number}@x>\nFrom: Carla <c@x.example>\nTo: m@x.example\nSubject: s\n"
    return f"{head}Date: Mon, 02 Mar 2026 10:00:00 +0100\n\nbrief{number} van moeder\n".encode()


class Custody:
    """One custody whose mails are destroyed, and what must be so."""

    def __init__(self, world, mails, once=1):
        self.world = world
        box = world.watch("maildir", world.root / "device" / "Mail") / "cur"
        box.mkdir()
        world.ready()
        (world.office_home / "selection.toml").write_text(SELECTION)
        for turn in range(once):
            for number in range(turn, mails, once):
                (box / f"{number}:2,S").write_bytes(letter(number))
            world.once()
        world.pull()
        self.home = ("--home", world.office_home, "--passphrase-file", world.root / "passphrase")
        self.before = self.readable()
        self.gone = set()
        self.old = set()

    @property
    def office(self):
        home = Home.open(self.world.office_home)
        config = read_config(home.config)
        return Office(home, config, login_alone(home, config, PASSPHRASE))

    def readable(self):
        with closing(open_collection(self.office)[0]) as collection:
            units = list(collection.units(Query()))
            return {unit.id: collection.body(unit.id).text for unit in units}

    def approved(self, *words):
        """A list of these mails, decided, proposed and approved; its number."""
        office = self.office
        units = [unit for unit, text in self.before.items() if set(words) & set(text.split())]
        assert len(units) == len(words)
        book = Book.open(office.home, office.journal_key)
        book.decide(units, Class.PRIVATE, actor="anna", reason="", now=NOW)
        file = self.world.root / "units"
        file.write_text("".join(f"{unit}\n" for unit in units))
        ground = ("--ground", "verzoek", "--category", "prive", "--units", file)
        self.world.office("destroy", "propose", *ground)
        number = max(Lists(office).all())
        self.world.office("approve", number)
        self.gone |= set(units)
        return number

    def rings(self):
        """Every keyring: of the receiver, of the mirror."""
        folders = (self.world.server.data / "keyrings", self.world.office_home / "mirror/keyrings")
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    yield path, path.read_bytes()

    def remember(self):
        """Keep what no keyring may be any more once a command has ended."""
        self.old |= {hashlib.sha256(data).digest() for _, data in self.rings()}

    def whole(self):
        """Nothing is gone but what was approved, and that is gone everywhere."""
        office = self.office
        keys = [key.identity for key in period_keys(office.vault, office.config.periods)]
        said = {item for found in Lists(office).all().values() for item in found.items}
        for _, data in self.rings():
            ring = open_keyring(data, keys)
            name = f"{ring.device}/{ring.epoch}/{ring.batch}"
            zero = {f"{name}/{n}" for n, key in enumerate(ring.slots) if key == DESTROYED}
            assert zero == {item for item in said if item.startswith(f"{name}/")}
        left = {unit: text for unit, text in self.before.items() if unit not in self.gone}
        assert self.readable() == left
        book = Book.open(office.home, office.journal_key)
        assert {u for u in self.before if book.standing(u).certificate is not None} == self.gone
        self.world.office("verify", "--open", "--quiet")
        self.world.check()

    def none_of(self, digests):
        """No file anywhere is one of these keyrings."""
        for root in (self.world.server.data, self.world.office_home):
            for path in root.rglob("*"):
                if path.is_file():
                    assert hashlib.sha256(path.read_bytes()).digest() not in digests, path

    def in_force(self):
        """The keyrings that are in force now, by digest."""
        return {hashlib.sha256(data).digest() for _, data in self.rings()}

    def next_period(self, name):
        self.world.office("keys", "period", "begin", name)
        self.world.set_policy()
        (self.world.root / "device" / "Mail" / "cur" / f"{name}:2,S").write_bytes(letter(name))
        self.world.once()
        self.world.pull()
        self.before = {**self.before, **self.readable()}


def test_from_proposal_to_erasure_over_a_real_receiver_killed_on_the_way(world):
    custody = Custody(world, 3)
    number = custody.approved("brief1")
    custody.remember()
    assert killed_at(40, "destroy", "run", number, *custody.home)
    world.office("destroy", "run", number)
    custody.none_of(custody.old - custody.in_force())
    custody.next_period("2027")
    assert killed_at(12, "destroy", "rewrap", "first", *custody.home)
    world.office("destroy", "rewrap", "first")
    custody.remember()
    assert killed_at(30, "destroy", "erase", "first", *custody.home)
    world.office("destroy", "erase", "first")
    custody.none_of(custody.old - custody.in_force())
    custody.whole()
    assert Lists(custody.office).get(number).state == "erased"
    assert not (world.office_home / "keys" / "records.age").exists()
    assert world.office("destroy", "list").stdout.startswith("1\terased\t1 units\tprive")


@contextmanager
def https(world):
    """The same receiver over HTTPS; gives the options that the office needs for it."""
    key, cert = world.root / "tls.key", world.root / "tls.pem"
    make = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    name = ("-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    subprocess.run(
        ["openssl", *make, *name, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    world.server.stop()
    data = world.server.data
    (data / "listening").unlink(missing_ok=True)
    serve = ["serve", "--data", data, "--listen", "127.0.0.1:0"]
    program = command("server", *serve, "--tls-cert", cert, "--tls-key", key)
    with subprocess.Popen(program, start_new_session=True) as process:
        world.server.process = process
        world.server.wait()
        try:
            assert world.server.url.startswith("https://")
            yield ("--server", world.server.url, "--ca-file", cert)
        finally:
            process.terminate()
            world.server.process = None


@pytest.mark.soak
def test_a_list_is_carried_out_over_https_killed_on_the_way(world):
    custody = Custody(world, 3)
    number = custody.approved("brief1")
    with https(world) as options:
        run = ("destroy", "run", number, *options, *custody.home)
        assert killed_at(40, *run)
        assert steps_of(*run) > 0
    world.server.start()
    custody.whole()


STRIDE = 3
MOMENTS = 12


@pytest.mark.soak
def test_a_run_that_is_killed_at_any_step_goes_on_to_the_same_end(world, capsys):
    """A list for each kill: at each third step of a run, and at moments of chance."""
    custody = Custody(world, 70, once=10)
    custody.remember()
    steps = steps_of("destroy", "run", custody.approved("brief0"), *custody.home)
    chance, kills = random.Random(6), 0
    points = [*range(1, steps, max(STRIDE, steps // 55)), *([None] * MOMENTS)]
    for turn, point in enumerate(points[:68], 1):
        number = custody.approved(f"brief{turn}")
        run = ("destroy", "run", number, *custody.home)
        if point is None:
            kills += killed_after(chance.uniform(0.2, 4), *run)
        else:
            kills += killed_at(point, *run)
        world.office("destroy", "run", number)
        custody.none_of(custody.old - custody.in_force())
        custody.remember()
        if turn % 10 == 0:
            custody.whole()
    custody.whole()
    with capsys.disabled():
        print(f"run: {steps} steps, {len(points)} lists, {kills} kills")


@pytest.mark.soak
def test_rewrap_and_erase_that_are_killed_at_any_step_leave_all_or_nothing(world, capsys):
    custody = Custody(world, 12, once=4)
    custody.remember()
    world.office("destroy", "run", custody.approved("brief1", "brief2"))
    chance, told, period = random.Random(7), [], "first"
    for following in ("2027", "2028", "2029"):
        custody.next_period(following)
        custody.remember()
        rewrap, erase = (("destroy", what, period, *custody.home) for what in ("rewrap", "erase"))
        steps, kills = steps_of(*rewrap), 0
        for point in range(1, steps, max(1, steps // 12)):
            kills += killed_at(point, *rewrap)
            custody.whole()
        world.office("destroy", "rewrap", period)
        point = chance.randint(1, 6)
        while killed_at(point, *erase):
            kills += 1
            assert custody.in_force()  # every keyring is there, old or new
            point += chance.randint(1, 6)
        world.office("destroy", "erase", period)
        custody.none_of(custody.old - custody.in_force())
        custody.whole()
        told.append(f"{period}: {kills} kills, rewrap {steps} steps, erase to step {point}")
        period = following
    with capsys.disabled():
        print("\n".join(told))


@pytest.mark.soak
def test_a_master_key_whose_rotation_is_killed_at_any_step_is_one_of_both(world, capsys):
    custody = Custody(world, 2)
    custody.gone = set()
    rotate = ("keys", "rotate", "master", *custody.home)
    steps, kills = steps_of(*rotate), 0
    for point in range(1, steps + 1):
        kills += killed_at(point, *rotate)
        assert custody.readable() == custody.before
        if point % 5 == 0:
            former = custody.office.vault.masters
            world.office("keys", "rotate", "master")
            vault = custody.office.vault
            assert len(vault.masters) == 1
            assert vault.masters[0] not in former
            assert {name: vault.load(name) for name in vault.names()}
    with capsys.disabled():
        print(f"rotate master: {steps} steps, {kills} kills")
