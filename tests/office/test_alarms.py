# SPDX-License-Identifier: EUPL-1.2
"""What the office tells by itself: once, in order, until it arrived, and once that it is over."""

import hashlib
import hmac
import json
import os
import socketserver
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lakzegel_core.enrolment import Reason
from lakzegel_office.alarms.book import Book
from lakzegel_office.alarms.conditions import Condition, Look, conditions
from lakzegel_office.alarms.settings import Limits, read_settings
from lakzegel_office.alarms.watch import AGAIN, Ticker, Watch
from lakzegel_office.alarms.watching import Watching
from lakzegel_office.commands.common import Office
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, ForkedError, UnreachableError, UsageError
from lakzegel_office.journal import Journal
from lakzegel_office.mirror import Mirror

SECRET = "geheim van de haak"
HOUR = timedelta(hours=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(world):
    return Clock(world.receiver.now)


@pytest.fixture
def watch(world, clock):
    return lambda: Watch(Office(world.home, world.config, world.vault), clock)


@pytest.fixture
def hook(world, tmp_path):
    """A program that takes what is posted, or refuses while `refuse` is set."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            fine = self.headers["X-Lakzegel-Signature"] == expected and not server.refuse
            if fine:
                posted.append(json.loads(body))
            self.send_response(204 if fine else 503)
            self.end_headers()

        def log_message(self, *unused):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.refuse, server.posted = False, posted
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    (tmp_path / "secret").write_text(SECRET + "\n")
    url = f"http://127.0.0.1:{server.server_port}/"
    (world.home.root / "alarms.toml").write_text(
        f'[[webhook]]\nurl = "{url}"\nsecret_file = "{tmp_path / "secret"}"\n'
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def pulled(world):
    with world.home.exclusive():
        puller = world.puller()
        return puller.run(), puller.replay


def test_a_silent_device_is_told_once_and_once_that_it_is_over(world, device, clock, watch, hook):
    device.send_files({"cur/1": b"een"})
    report, replay = pulled(world)
    one = watch()
    one.pulled(report.doubts, replay)
    assert hook.posted == []
    clock.now += 31 * HOUR
    one._heard = clock.now
    one.look(replay)
    one.look(replay)
    again = watch()  # a restart raises and sends nothing twice
    again._heard = clock.now
    again.look(replay)
    assert [(p["kind"], p["cause"], p["about"]) for p in hook.posted] == [
        ("raised", "silent", "minister")
    ]
    world.receiver.now = clock.now
    device.send_files({"cur/2": b"twee"})
    report, replay = pulled(world)
    again.pulled(report.doubts, replay)
    assert [p["kind"] for p in hook.posted] == ["raised", "over"]
    assert len({p["id"] for p in hook.posted}) == 2


def test_what_a_place_refuses_is_sent_again_in_order_with_the_same_id(
    world, device, clock, watch, hook
):
    device.send_files({"cur/1": b"een"})
    _, replay = pulled(world)
    hook.refuse = True
    one = watch()
    one.pulled([Doubt("x", "", "missing", "minister/0/0")], replay)
    one.pulled([], replay)
    assert hook.posted == []
    hook.refuse = False
    clock.now += timedelta(seconds=AGAIN)
    one.look(replay)
    assert [(p["kind"], p["cause"]) for p in hook.posted] == [
        ("raised", "missing"), ("over", "missing"),
    ]  # fmt: skip


def test_what_a_pull_finds_of_a_device_is_an_alarm_by_its_cause(world, device, clock):
    device.send_files({"cur/1": b"een"})
    _, replay = pulled(world)
    doubts = tuple(
        Doubt("file", "text", code, "minister/0/0")
        for code in ("seen-mismatch", "decrypt", "chain", "policy-unknown", "other", "missing")
    )
    look = Look(clock.now, doubts, clock.now, 1 << 40, {"minister": "2026-11-20T00:00:00Z"})
    mirror = Mirror(world.home.mirror)
    found = conditions(look, replay, mirror, world.config, Limits())
    causes = {"fork", "keyring-unreadable", "gap", "policy-unsigned", "finding", "missing"}
    assert {one.cause for one in found if one.about == "minister"} == {*causes, "readout-late"}
    later = Look(clock.now + 2 * HOUR, (), clock.now, 1 << 20, {})
    limits = Limits(timestamp=HOUR)
    found = conditions(later, replay, mirror, world.config, limits)
    assert {one.cause for one in found} == {"unreachable", "disk", "timestamp-missing"}


def test_a_device_that_a_token_took_the_place_of_is_an_alarm_for_a_week(world, device, clock):
    device.send_files({"cur/1": b"een"})
    _, replay = pulled(world)
    mirror, state = Mirror(world.home.mirror), replay.custody.devices["minister"]

    def found(now):
        look = Look(now, (), now, 1 << 40, {})
        return conditions(look, replay, mirror, world.config, Limits(silent=timedelta(0)))

    anew = Condition("enrolled-anew", "minister")
    soon = state.current.enrolled + timedelta(days=2)
    assert anew not in found(soon)
    state.current = replace(state.current, reason=Reason.UNREADABLE)
    assert anew in found(soon)
    assert anew not in found(soon + timedelta(days=6))


def test_an_overdue_read_out_is_an_alarm_until_one_was_made(world, device, clock, watch):
    due = {"type": "readout-overdue", "due": "2026-11-23T17:00:00Z", "why": ""}
    device.send([device.observation(due, source="phone/t-1")])
    report, replay = pulled(world)
    one = watch()
    one.pulled(report.doubts, replay)
    assert Condition("readout-late", "minister") in one._book.standing
    made = {"type": "readout", "backup": "2026-11-23T18:00:00Z", "complete": True, "apps": []}
    device.send([device.observation(made, source="phone/t-1")])
    with world.home.exclusive():
        puller = world.puller()
        report, replay = puller.run(), puller.replay
    one.pulled(report.doubts, replay)
    assert one._book.standing == {}


def test_alarms_tells_what_stands_and_ends_with_1(world, device, clock, watch, capsys):
    device.send_files({"cur/1": b"een"})
    _, replay = pulled(world)
    capsys.readouterr()
    assert world.run("alarms") == 0
    assert "nothing is wrong" in capsys.readouterr().out
    watch().pulled([Doubt("x", "geheim", "chain", "minister/0/0")], replay)
    assert world.run("alarms", "--json") == 1
    out = capsys.readouterr().out
    (one,) = json.loads(out)
    assert (one["event"], one["cause"], one["about"]) == ("raised", "gap", "minister")
    assert "geheim" not in out


def test_how_alarms_stand_follows_from_the_journal_alone(tmp_path, clock):
    journal = Journal(tmp_path / "alarms.jsonl", os.urandom(32))
    book = Book(journal)
    disk, silent = Condition("disk"), Condition("silent", "a")
    for found in ({disk}, {disk, silent}, {silent}, {silent}):
        book.stand(found, clock.now)
    beside = Book(Journal(journal._path, journal._key))  # a pull by hand beside one that follows
    beside.stand({silent, disk}, clock.now)
    book.stand({silent, disk}, clock.now)
    book.stand({silent}, clock.now)
    again = Book(journal)
    assert set(again.standing) == {silent}
    assert [(a.event, a.condition) for a in again.all] == [
        ("raised", disk), ("raised", silent), ("over", disk), ("raised", disk), ("over", disk),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "[limits]\nsilent = '30'",
        "[limits]\nlate = '30h'",
        "[[webhook]]\nurl = 'http://elsewhere.example/'\nsecret_file = 'x'",
        "[mail]\nhost = 'relay.example'\nsender = 'a@example'\nto = []",
        "[mail]\nhost = 'relay.example'\nsender = 'a@example'\nto = ['b']\nsecurity = 'none'",
        "[mail]\nhost = 'x'\nsender = \"a\\nb\"\nto = ['b']",
        "mail = 1",
    ],
)
def test_settings_that_would_not_do_are_refused_in_a_line(tmp_path, text):
    path = tmp_path / "alarms.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"alarms\.toml: not usable"):
        read_settings(path)


def test_a_pull_goes_on_whatever_becomes_of_its_alarms_and_a_fork_is_one(world, device, capsys):
    device.send_files({"cur/1": b"een"})
    with world.home.exclusive():
        puller = world.puller()
        watching = Watching(Office(world.home, world.config, world.vault), puller)
        watching.pulled(puller.run())
        watching.failed(DoubtError("mirror/log/tile/entries/000: missing; run pull"))
        assert standing(world, capsys) == {"pull-failing", "silent"}  # by this machine's clock
        watching.failed(ForkedError("rolled back"))
        watching.failed(UnreachableError("nobody answers"))
        assert standing(world, capsys) == {"fork", "silent"}
        (world.home.records / "alarms.jsonl").write_text("{}\n")
        watching.pulled(puller.run())
        assert "alarms: " in capsys.readouterr().err


def standing(world, capsys):
    capsys.readouterr()
    assert world.run("alarms", "--json") == 1
    return {one["cause"] for one in json.loads(capsys.readouterr().out)}


def test_between_pulls_it_looks_by_itself():
    looked = threading.Event()
    with Ticker(looked.set, every=0.01):
        assert looked.wait(10)


class Relay(socketserver.StreamRequestHandler):
    """As much of SMTP as a mail needs."""

    def handle(self):
        self.wfile.write(b"220 relay\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


def test_a_mail_says_cause_device_and_next_step(world, device, watch):
    with socketserver.TCPServer(("127.0.0.1", 0), Relay) as relay:
        relay.mails = []
        thread = threading.Thread(target=relay.serve_forever, daemon=True)
        thread.start()
        (world.home.root / "alarms.toml").write_text(
            f'[mail]\nhost = "127.0.0.1"\nport = {relay.server_address[1]}\nsecurity = "none"\n'
            'sender = "archief@minxyz.example"\nto = ["dienst@minxyz.example"]\n'
        )
        device.send_files({"cur/1": b"een"})
        _, replay = pulled(world)
        watch().pulled([Doubt("x", "geheim", "policy-unknown", "minister/0/0")], replay)
        relay.shutdown()
        thread.join()
    (mail,) = relay.mails
    assert "Subject: Lakzegel: policy-unsigned minister" in mail
    assert "ask its MDM" in mail
    assert "geheim" not in mail
