# SPDX-License-Identifier: EUPL-1.2
"""One alert a cause, once, by a real relay and a real webhook; none is lost, whatever fails."""

import email
import hashlib
import hmac
import importlib.util
import json
import socketserver
import ssl
import threading
from contextlib import contextmanager, suppress
from email import policy
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lakzegel_server.alerting.alerts import Alerts
from lakzegel_server.alerting.model import Alert, Damping, Kind, step
from lakzegel_server.alerting.observed import observe
from lakzegel_server.alerting.senders import MailSender
from lakzegel_server.alerting.store import Store
from lakzegel_server.database import Database
from lakzegel_server.settings import Settings
from lakzegel_server.settings_alerts import Mail
from lakzegel_server.standing import Phase, Standing
from lakzegel_server.words import read_words
from lakzegel_web.sending import SendError
from tests.server.conftest import observed

_spec = importlib.util.spec_from_file_location(
    "lakzegel_serving_tests", Path(__file__).with_name("test_serving.py")
)
_serving = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_serving)
certificate = _serving.certificate
CALM = Damping(settle=120, recover=900)


class Line(socketserver.BaseRequestHandler):
    """One client of the relay."""

    def handle(self):
        connection, secure = self.request, False
        connection.settimeout(10)
        file = connection.makefile("rwb", buffering=0)
        file.write(b"220 relay\r\n")
        with suppress(OSError, ssl.SSLError):
            while line := file.readline():
                word = line.split()[0].upper()
                if word == b"EHLO":
                    offers = not secure and self.server.context is not None
                    more = b"STARTTLS" if offers else b"AUTH PLAIN"
                    file.write(b"250-relay\r\n250 " + more + b"\r\n")
                elif word == b"STARTTLS":
                    file.write(b"220 go\r\n")
                    connection = self.server.context.wrap_socket(connection, server_side=True)
                    file, secure = connection.makefile("rwb", buffering=0), True
                elif word == b"DATA":
                    self.take(file, secure)
                elif word == b"RCPT" and self.server.stranger in line:
                    file.write(b"550 unknown\r\n")
                else:
                    file.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
        file.close()
        connection.close()

    def take(self, file, secure):
        file.write(b"354 go\r\n")
        lines = list(iter(file.readline, b".\r\n"))
        self.server.plain += not secure
        self.server.asked += 1
        if self.server.refuse:
            file.write(b"451 later\r\n")
            return
        self.server.mails.append(email.message_from_bytes(b"".join(lines), policy=policy.default))
        file.write(b"250 taken\r\n")


class Relay(socketserver.ThreadingTCPServer):
    """An SMTP relay that offers STARTTLS, as far as a client of one mail needs."""

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), Line)
        self.context, self.mails, self.plain, self.refuse = context, [], 0, 0
        self.asked, self.stranger = 0, b"\0"
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((body, self.headers["X-Lakzegel-Signature"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def relay(tmp_path):
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made = Relay(context)
    made.cert = cert
    yield made
    made.close()


@pytest.fixture
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def decided(tmp_path, relay, hook):
    secret = tmp_path / "secret"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    return Settings.model_validate(
        {
            "mail": {
                "host": "127.0.0.1",
                "port": relay.port,
                "sender": "lakzegel@log.example",
                "to": ["beheer@log.example"],
                "ca_file": str(relay.cert),
            },
            "webhook": [
                {"url": f"http://127.0.0.1:{hook.server_port}/x", "secret_file": str(secret)}
            ],
        }
    )


@contextmanager
def alerting(tmp_path, decided, clock):
    alerts = Alerts.open(tmp_path / "index.sqlite", decided, "log.example/test", clock=clock)
    yield alerts
    alerts.close()


def test_five_hundred_devices_are_one_alert_once_and_one_recovery_across_restarts(
    tmp_path, decided, relay, hook
):
    now = [1_800_000_000]
    clock = lambda: now[0]  # noqa: E731
    for moment, count in [(0, 500), (60, 500), (120, 500), (135, 499), (300, 500), (400, 0),
                          (1299, 0), (1300, 0), (1400, 0)]:  # fmt: skip
        now[0] = 1_800_000_000 + moment
        with alerting(tmp_path, decided, clock) as alerts:  # anew each time: a restart
            alerts.work(lambda _, n=count: {"certificate-ending": n} if n else {})
    first, last = relay.mails
    assert first["Subject"] == "Lakzegel: Certificaat loopt af (500), nu gaande"
    assert "voorbij" in last["Subject"]
    assert relay.plain == 0
    bodies = [json.loads(body) for body, _ in hook.got]
    assert [(b["kind"], b["cause"], b["count"]) for b in bodies] == [
        ("raised", "certificate-ending", 500),
        ("recovered", "certificate-ending", 500),
    ]
    for body, signature in hook.got:
        right = hmac.new(b"geheim", body, hashlib.sha256).hexdigest()
        assert signature == f"sha256={right}"


def test_a_crash_between_sending_and_remembering_sends_again_with_the_same_id(
    tmp_path, decided, hook, monkeypatch
):
    with alerting(tmp_path, decided, lambda: 1_800_000_000) as alerts:
        alerts.happened("break-glass")
        with monkeypatch.context() as crash:
            crash.setattr(Store, "sent", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                alerts.work(lambda _: {})
    with alerting(tmp_path, decided, lambda: 1_800_000_001) as alerts:
        alerts.work(lambda _: {})
        alerts.work(lambda _: {})
    assert len({json.loads(body)["id"] for body, _ in hook.got}) == 1
    assert json.loads(hook.got[0][0])["cause"] == "break-glass"


def test_what_does_not_arrive_is_sent_again_after_a_pause_until_it_does(
    tmp_path, decided, relay, hook
):
    now = [1_800_000_000]
    relay.refuse, hook.status = 1, 302
    with alerting(tmp_path, decided, lambda: now[0]) as alerts:
        alerts.happened("break-glass")
        alerts.work(lambda _: {})
        now[0] += 29
        alerts.work(lambda _: {})
        assert (len(relay.mails), len(hook.got)) == (0, 1)
        now[0] += 1
        alerts.work(lambda _: {})
        assert len(hook.got) == 2
        relay.refuse, hook.status = 0, 200
        now[0] += 3600
        alerts.work(lambda _: {})
        alerts.work(lambda _: {})
    assert (len(relay.mails), len(hook.got)) == (1, 3)


def test_a_relay_without_tls_or_with_a_false_certificate_gets_nothing(relay):
    words = read_words("en")
    alert = Alert(Kind.RAISED, "disk", 1, 0, 0)
    mail = {"host": "127.0.0.1", "port": relay.port, "sender": "a@b.example", "to": ["c@d.example"]}
    with pytest.raises(SendError):
        MailSender(Mail(**mail), "log.example/x", words, None).send(alert)
    bare = Relay(None)
    with pytest.raises(SendError, match="NotSupported"):
        MailSender(Mail(**{**mail, "port": bare.port}), "log.example/x", words, None).send(alert)
    bare.close()
    assert relay.mails == bare.mails == []


def test_what_flaps_is_one_alert_and_what_was_short_is_none():
    state, told = {}, []
    for now in range(0, 20_000, 60):
        found = {"silent": 3} if now // 300 % 2 == 0 else {}
        short = {"late": 1} if now // 60 % 7 == 0 else {}
        state, alerts = step(state, {**found, **short}, CALM, now=now)
        told += alerts
    assert [(alert.kind, alert.cause) for alert in told] == [(Kind.RAISED, "silent")]


def day_of(on, off, *, cause="tsa-failing", hours=24):
    """What is told in a day of a cause that holds and is gone for so many seconds in turn."""
    state, told = {}, []
    for now in range(0, hours * 3600, 15):
        found = {cause: 1} if now % (on + off) < on else {}
        state, alerts = step(state, found, CALM, now=now)
        told += alerts
    return told, state


def test_what_flaps_faster_than_it_settles_is_told_once():
    told, _ = day_of(60, 45)
    assert [alert.kind for alert in told] == [Kind.RAISED]
    assert told[0].at <= 240


@pytest.mark.parametrize(
    ("on", "off", "most"), [(300, 1200, 3), (300, 2400, 5), (600, 3 * 3600, 9), (150, 901, 3)]
)
def test_what_comes_back_again_and_again_is_told_less_and_less(on, off, most):
    told, _ = day_of(on, off)
    assert len(told) <= most
    assert most < 2 * 24 * 3600 // (on + off), "a raise and a recovery each time"
    assert len({alert.id for alert in told}) == len(told), "programs tell alerts apart by their ids"
    kinds = [alert.kind for alert in told]
    assert kinds == [(Kind.RAISED, Kind.RECOVERED)[n % 2] for n in range(len(kinds))]


def test_once_it_is_calm_for_long_enough_it_recovers_and_after_a_day_it_is_as_new():
    told, state = day_of(300, 1200)
    assert told[-1].kind is Kind.RAISED
    end = 24 * 3600
    state, alerts = step(state, {}, CALM, now=end)
    state, alerts = step(state, {}, CALM, now=end + 2 * CALM.recover)
    assert [alert.kind for alert in alerts] == [Kind.RECOVERED]
    state, alerts = step(state, {}, CALM, now=end + 2 * CALM.recover + 86_400)
    assert (state, alerts) == ({}, [])


def test_how_often_a_cause_came_back_outlives_a_restart_and_break_glass_is_never_held(
    tmp_path, decided, hook
):
    now = [1_800_000_000]
    states = {"disk": 1}
    with alerting(tmp_path, decided, lambda: now[0]) as alerts:
        for seconds, found in ((0, states), (120, states), (1, {}), (900, {}), (60, states),
                               (120, states), (1, {}), (900, {})):  # fmt: skip
            now[0] += seconds
            alerts.work(lambda _, f=found: f)
    with alerting(tmp_path, decided, lambda: now[0]) as alerts:
        assert alerts.store.standings()["disk"].raised == 2
        assert alerts.store.standings()["disk"].told, "twice as long"
        now[0] += 900
        alerts.work(lambda _: {})
        for _ in range(3):
            alerts.happened("break-glass")
            alerts.work(lambda _: {})
            for seconds in (3600, 900):
                now[0] += seconds
                alerts.work(lambda _: {})
    told = [(b["cause"], b["kind"]) for b in (json.loads(body) for body, _ in hook.got)]
    assert (
        told
        == [("disk", "raised"), ("disk", "recovered")] * 2
        + [
            ("break-glass", "raised"),
            ("break-glass", "recovered"),
        ]
        * 3
    )


def test_causes_of_the_receiver_and_of_devices_are_found(world, device):
    desk, now = world.desk, int(world.desk.vitals.gauges.clock())
    assert observe(desk, now) == {}
    later = now + 27 * 3600
    assert observe(desk, later).keys() >= {"late"}
    desk.log.stand(Standing(Phase.SHORT))
    assert observed(desk, now)["short"] == 1
    desk.log.stand(Standing(Phase.SEALING))
    for _ in range(desk.settings.alerts.refusals):
        desk.register.refuse(device="x", code="gap", entry_id="0", proven=False)
    desk.register.flush()  # as its chore does every ten seconds
    assert observe(desk, now)["refusals"] == 1


def test_a_receiver_that_serves_tells_and_its_rows_are_checked(tmp_path, kit, decided, hook):
    with kit.world_at(tmp_path / "data", settings=decided) as world:
        desk = world.desk
        desk.alerts.happened("break-glass")
        desk.alerts.begin(desk.chores, partial(observe, desk))
        while not hook.got:
            world.client("GET", "/v1/health")
        world.client("GET", "/v1/health")
    assert world.doubts() == []
    database = Database.open(world.layout.database)
    database.connection.execute("UPDATE alerts SET told = 0")
    database.close()
    assert any("table alerts" in doubt for doubt in world.doubts())


def test_that_it_is_over_never_overtakes_that_it_holds(tmp_path, decided, hook):
    now = [1_800_000_000]
    hook.status = 500
    with alerting(tmp_path, decided, lambda: now[0]) as alerts:
        for moment, found in [(0, 1), (120, 1), (600, 0), (1500, 0), (1520, 0)]:
            now[0] = 1_800_000_000 + moment
            hook.status = 204 if moment == 1520 else 500
            alerts.work(lambda _, n=found: {"disk": n} if n else {})
        assert hook.got[-1][0].count(b"raised") == 1
        for moment in range(1600, 6000, 60):
            now[0] = 1_800_000_000 + moment
            alerts.work(lambda _: {})
    kinds = [json.loads(body)["kind"] for body, _ in hook.got]
    assert kinds[-2:] == ["raised", "recovered"]
    assert kinds.count("recovered") == 1


def test_a_place_that_is_away_is_asked_once_a_look(tmp_path, decided, relay, hook):
    relay.refuse = 1
    with alerting(tmp_path, decided, lambda: 1_800_000_000) as alerts:
        for cause in ("break-glass", "disk", "late"):
            alerts.happened(cause)
        alerts.work(lambda _: {})
    assert relay.plain == 0
    assert relay.asked == 1
    assert len(hook.got) == 3


def test_what_waits_is_sent_although_looking_fails(tmp_path, decided, hook):
    with alerting(tmp_path, decided, lambda: 1_800_000_000) as alerts:
        alerts.store.decide(
            lambda _: ({}, [Alert(Kind.RAISED, "disk", 1, 0, 0)]), [*alerts._senders]
        )
        with pytest.raises(OverflowError):
            alerts.work(lambda _: (_ for _ in ()).throw(OverflowError))
    assert len(hook.got) == 1


def test_a_clock_that_was_ahead_puts_nothing_off(tmp_path, decided, hook):
    now = [1_800_000_000 + 365 * 86_400]
    hook.status = 500
    with alerting(tmp_path, decided, lambda: now[0]) as alerts:
        alerts.happened("break-glass")
        alerts.work(lambda _: {"disk": 1})
        hook.status = 204
        for moment in (0, 120, 240):
            now[0] = 1_800_000_000 + moment
            alerts.work(lambda _: {"disk": 1})
    told = [json.loads(body)["cause"] for body, _ in hook.got[1:]]
    assert sorted(told) == ["break-glass", "disk"]


def test_a_quiet_cause_is_not_told_when_it_happens_either(tmp_path, decided, hook):
    quiet = decided.model_copy(
        update={"alerts": decided.alerts.model_copy(update={"quiet": ("break-glass",)})}
    )
    with alerting(tmp_path, quiet, lambda: 1_800_000_000) as alerts:
        alerts.happened("break-glass")
        alerts.work(lambda _: {})
    assert hook.got == []


def test_a_name_that_the_relay_cannot_be_told_keeps_no_other_alert_back(relay, tmp_path):
    password = tmp_path / "password"
    password.write_text("geheim")
    password.chmod(0o600)
    mail = Mail(
        host="127.0.0.1", port=relay.port, sender="a@b.example", to=["c@d.example"], user="é",
        password_file=password, ca_file=relay.cert,
    )  # fmt: skip
    with pytest.raises(SendError):
        MailSender(mail, "log.example/x", read_words("en"), None).send(
            Alert(Kind.RAISED, "disk", 1, 0, 0)
        )


def test_an_address_that_the_relay_refuses_is_told_in_its_own_log(relay, caplog):
    relay.stranger = b"weg@"
    mail = Mail(
        host="127.0.0.1", port=relay.port, sender="a@b.example",
        to=["c@d.example", "weg@d.example"], ca_file=relay.cert,
    )  # fmt: skip
    MailSender(mail, "log.example/x", read_words("en"), None).send(
        Alert(Kind.RAISED, "disk", 1, 0, 0)
    )
    assert len(relay.mails) == 1
    assert "refused 1 of the addresses" in caplog.text
    assert "weg@" not in caplog.text
