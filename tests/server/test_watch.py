# SPDX-License-Identifier: EUPL-1.2
"""A receiver tells what it depends on itself: its own certificate, and that the office comes."""

import datetime as dt
import shutil
import ssl
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lakzegel_server.alerting.observed import OFFICE_GRACE
from lakzegel_server.chores import Chore
from lakzegel_server.errors import ConfigError
from lakzegel_server.pages.receiverstate import state_of
from lakzegel_server.serving import Endpoint
from lakzegel_server.standing import SEALING, Phase, Standing
from lakzegel_server.vitals.office import Visits
from lakzegel_server.vitals.probes import FailedError
from lakzegel_server.web.vitals import others
from tests.server.conftest import observed

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def write_certificate(folder, now, *, days):
    """A certificate of so many days, and its key, where a receiver looks for them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    private.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return cert, private


@pytest.fixture
def served(world, kit, tmp_path):
    """The certificate that a receiver serves; it has 90 days to go."""
    cert, key = write_certificate(tmp_path, kit.START, days=90)
    endpoint = Endpoint.parse("127.0.0.1:0", cert=cert, key=key)
    endpoint.load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    object.__setattr__(world.desk, "certificate", endpoint.served)
    return endpoint


def told(world, kit, *, days):
    found = observed(world.desk, int((kit.START + dt.timedelta(days=days)).timestamp()))
    return {code for code in found if code.startswith("receiver-")}


def test_the_end_of_the_own_certificate_is_told_before_and_after(world, kit, served):
    assert told(world, kit, days=60) == set()
    assert told(world, kit, days=60.1) == {"receiver-certificate-ending"}
    assert told(world, kit, days=90) == {"receiver-certificate-over"}
    clock = kit.START.timestamp
    assert served.served.test(clock).startswith("ends at 2027-02-22")
    with pytest.raises(FailedError, match="it ended"):
        served.served.test(lambda: clock() + 90 * 86_400)
    with pytest.raises(FailedError, match="it begins"):
        served.served.test(lambda: clock() - 2 * 86_400)


def test_a_new_certificate_that_nobody_had_it_read_is_told_until_it_is_read(
    world, kit, served, tmp_path
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    write_certificate(tmp_path, kit.START, days=120)
    assert told(world, kit, days=0) == {"receiver-certificate-unread"}
    assert "another lies in its file" in served.served.test(kit.START.timestamp)
    served.load_certificate(context)
    assert told(world, kit, days=85) == set()
    served.cert.write_text("of no use")
    with pytest.raises(ConfigError):
        served.load_certificate(context)
    assert told(world, kit, days=0) == {"receiver-certificate-unread"}
    assert served.served.state().ends == kit.START + 120 * DAY


def test_a_receiver_over_tls_knows_its_certificate_and_one_without_has_none(tmp_path, kit):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    cert, key = write_certificate(tmp_path, now, days=5)
    with kit.world_at(tmp_path / "data", cert=cert, key=key, clock=now.timestamp) as world:
        world.client.verify = False
        assert told(SimpleNamespace(desk=world.desk), SimpleNamespace(START=now), days=0) == {
            "receiver-certificate-ending"
        }
        found = {s.name: s.value for f in others(world.desk, now.timestamp) for s in f.samples}
        assert found["lakzegel_certificate_seconds"] == 5 * 86_400
        assert found["lakzegel_certificate_unread"] == 0
        assert state_of(world.desk).certificate_tone == "warn"


def test_devices_that_name_the_own_certificate_are_no_second_alert(world, kit, served, device):
    ends = {"certificate": kit.START + 90 * DAY}
    world.client("POST", "/v1/heartbeats", device.heartbeat(**ends))
    later = int((kit.START + 61 * DAY).timestamp())
    assert "certificate-ending" not in observed(world.desk, later)
    other = {"certificate": kit.START + 89 * DAY}
    world.client("POST", "/v1/heartbeats", device.heartbeat(2, **other))
    assert observed(world.desk, later)["certificate-ending"] == 1


def test_an_office_that_does_not_come_is_told_until_it_does(tmp_path, kit):
    hands = kit.Hands(kit.START)
    with kit.world_at(tmp_path / "data", clock=hands) as world:

        def away():
            return observed(world.desk, int(hands())).get("office-unreachable", 0)

        assert away() == 0
        hands.now += 26 * HOUR + dt.timedelta(seconds=1)
        assert away() == 1
        assert state_of(world.desk).visited is None
        for role, path in (("audit", "/log/tile/entries/000.p/1"), ("records", "/receiver")):
            assert world.as_(role)("GET", path).status_code == 200
        assert away() == 1
        assert world.as_("records")("GET", "/v1/timestamps").status_code == 200
        assert away() == 0
        assert state_of(world.desk).visited == hands.now
        hands.now += HOUR
        found = {s.name: s.value for f in others(world.desk, hands)
                 for s in f.samples}  # fmt: skip
        assert found["lakzegel_office_age_seconds"] == 3600
    again = Visits.open(world.layout.database, hands)
    assert again.last.at == (hands.now - HOUR).timestamp()
    assert again.last.came
    again.close()
    assert world.doubts() == []


def test_an_office_is_given_time_after_the_receiver_was_away(tmp_path, kit):
    hands = kit.Hands(kit.START)
    with kit.world_at(tmp_path / "data", clock=hands) as world:
        layout, signer = world.layout, world.desk.log._signing._signer
    hands.now += 5 * DAY
    with kit.serving(layout, signer, clock=hands) as (_, desk):
        assert "office-unreachable" not in observed(desk, int(hands()))
        hands.now += OFFICE_GRACE + dt.timedelta(seconds=1)
        assert observed(desk, int(hands()))["office-unreachable"] == 1


@contextmanager
def failing(world, name, kind):
    """A chore of this name whose last round failed."""
    chore = Chore(name, 3600, lambda: None)
    chore.failed = kind
    world.desk.chores._all[name] = chore
    yield
    del world.desk.chores._all[name]


def test_what_has_a_cause_of_its_own_is_not_told_as_failing_work_too(world, kit, monkeypatch):
    def of(name, kind="ValueError"):
        with failing(world, name, kind):
            return observed(world.desk, int(kit.NOW)).get("chore-failing", 0)

    names = ("witness-0", "timestamp-qtsp", "recovery")
    assert [of(name) for name in names] == [1, 1, 1], "nothing else tells of it"
    one = SimpleNamespace(
        failing_since=kit.NOW, failure="unreachable", failing=int(kit.NOW), every=60.0
    )
    monkeypatch.setattr(type(world.desk.witnesses), "states", lambda _: (one,))
    assert [of(name) for name in names] == [0, 1, 1]
    monkeypatch.setattr(type(world.desk.timestamps), "states", lambda _: (one,))
    world.desk.log.stand(Standing(Phase.ASKING))
    assert [of(name) for name in names] == [0, 0, 0]
    world.desk.log.stand(SEALING)
    assert of("arrivals", "OperationalError") == 1
    nearly = shutil.disk_usage(world.layout.data)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly)
    assert of("arrivals", "OperationalError") == 0
    assert of("arrivals", "ValueError") == 1


@pytest.mark.parametrize(
    ("failure", "minutes", "told"),
    [
        ("unreachable", 9, {}),
        ("unreachable", 11, {"witness-missing": 1}),
        ("ahead", 0, {"witness-contradicts": 1}),
        ("fork", 11, {"witness-contradicts": 1}),
        ("not-extended", 11, {"witness-contradicts": 1}),
    ],
)
def test_a_witness_that_knows_another_log_is_not_told_as_one_that_is_away(
    world, kit, monkeypatch, failure, minutes, told
):
    one = SimpleNamespace(failing_since=kit.NOW - minutes * 60, failure=failure)
    monkeypatch.setattr(type(world.desk.witnesses), "states", lambda _: (one,))
    assert observed(world.desk, int(kit.NOW)) == told
    world.desk.log.stand(Standing(Phase.ASKING))
    assert "witness-contradicts" not in observed(world.desk, int(kit.NOW))
    world.desk.log.stand(SEALING)
