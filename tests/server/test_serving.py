# SPDX-License-Identifier: EUPL-1.2
"""Commands, TLS, slow and garbled senders."""

import asyncio
import datetime as dt
import ipaddress
import os
import signal
import socket
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakzegel_server import accounts
from lakzegel_server.__main__ import main
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError, DeniedError, SlowError
from lakzegel_server.fsck.run import check
from lakzegel_server.intake import SMALL
from lakzegel_server.layout import Layout
from lakzegel_server.pace import timed
from lakzegel_server.serving import Endpoint


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_init_makes_a_private_folder_and_prints_both_keys(tmp_path, capsys):
    data = tmp_path / "data"
    assert run("init", "--data", data, "--name", "log.example/x") == 0
    out = capsys.readouterr().out
    assert (data / "log.vkey").read_text().strip() in out
    assert all(line in out for line in (data / "log.keys").read_text().splitlines())
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for path in (data / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert check(Layout(data)).doubts == ()


def test_init_twice_or_with_a_bad_name_is_a_usage_error(tmp_path, capsys):
    data = tmp_path / "data"
    assert run("init", "--data", data, "--name", "a b") == 2
    assert run("init", "--data", data, "--name", 'a"b') == 2
    assert not data.exists()
    run("init", "--data", data, "--name", "log.example/x")
    before = (data / "log.keys").read_bytes()
    assert run("init", "--data", data, "--name", "log.example/y") == 2
    assert (data / "log.keys").read_bytes() == before
    assert "already holds a receiver" in capsys.readouterr().err


def test_publish_prints_kind_and_index_and_says_why_it_refuses(tmp_path, kit, capsys):
    office = kit.Office()
    layout, _, _ = kit.make_receiver(tmp_path / "data", office)
    note = tmp_path / "note"
    note.write_bytes(office.policy_note(1, "group:x"))
    for _ in range(2):
        assert run("publish", "--data", layout.data, note) == 0
        assert capsys.readouterr().out == "policy 1\n"
    note.write_bytes(kit.Office().policy_note(2, "group:x"))
    assert run("publish", "--data", layout.data, note) == 1
    assert "refused (unknown-key)" in capsys.readouterr().err
    note.write_bytes(b"no note")
    assert run("publish", "--data", layout.data, note) == 1
    assert run("publish", "--data", layout.data, tmp_path / "absent") == 2
    assert run("publish", "--data", tmp_path, note) == 2
    assert check(layout).doubts == ()


def test_accounts_are_added_listed_removed(tmp_path, capsys):
    data = tmp_path / "data"
    run("init", "--data", data, "--name", "log.example/x")
    capsys.readouterr()
    file = tmp_path / "token"
    assert run("account", "add", "--data", data, "--role", "records", "anna") == 0
    token = capsys.readouterr().out.strip()
    base = ("account", "add", "--data", data, "--role", "it", "bo", "--token-file")
    assert run(*base, file) == 0
    assert capsys.readouterr().out == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    database = Database.open(Layout(data).database)
    assert accounts.authenticate(database, f"Bearer {token}").role == "records"
    assert accounts.authenticate(database, f"Bearer {file.read_text().strip()}").name == "bo"
    database.close()
    assert run("account", "add", "--data", data, "--role", "it", "anna") == 2
    assert run("account", "add", "--data", data, "--role", "it", "c", "--token-file", file) == 2
    assert run("account", "add", "--data", data, "--role", "it", "A b") == 2
    assert run("account", "remove", "--data", data, "--role", "it", "anna") == 2
    assert run("account", "remove", "--data", data, "--role", "records", "anna") == 0
    capsys.readouterr()
    assert run("account", "list", "--data", data) == 0
    assert capsys.readouterr().out == "bo it\n"
    assert token.encode() not in Layout(data).database.read_bytes()


def test_a_renewed_account_has_its_role_and_name_and_its_old_token_is_worth_nothing(
    tmp_path, capsys
):
    data, file = tmp_path / "data", tmp_path / "token"
    run("init", "--data", data, "--name", "log.example/x")
    run("account", "add", "--data", data, "--role", "records", "anna")
    run("account", "break-glass", "--data", data, "--role", "it", "glas")
    capsys.readouterr()
    assert run("account", "renew", "--data", data, "anna") == 0
    first = capsys.readouterr().out.strip()
    assert run("account", "renew", "--data", data, "anna", "--token-file", file) == 0
    assert capsys.readouterr().out == ""
    database = Database.open(Layout(data).database)
    assert accounts.authenticate(database, f"Bearer {file.read_text().strip()}").role == "records"
    with pytest.raises(DeniedError):
        accounts.authenticate(database, f"Bearer {first}")
    database.close()
    kept = file.read_text()
    for name in ("glas", "nobody"):
        assert run("account", "renew", "--data", data, name, "--token-file", tmp_path / "t") == 2
        assert not (tmp_path / "t").exists()
    assert run("account", "renew", "--data", data, "anna", "--token-file", file) == 2
    assert file.read_text() == kept
    assert check(Layout(data)).doubts == ()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:80", "example.org:80", "[::]:0"])
def test_plain_http_is_for_this_machine_alone(tmp_path, listen, capsys):
    run("init", "--data", tmp_path / "data", "--name", "log.example/x")
    assert run("serve", "--data", tmp_path / "data", "--listen", listen) == 2
    assert "loopback" in capsys.readouterr().err


@pytest.mark.parametrize("listen", ["x", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":"])
def test_an_address_without_a_port_is_a_usage_error(listen):
    with pytest.raises(ConfigError):
        Endpoint.parse(listen, cert=None, key=None)


def test_serve_says_where_and_ends_with_0(tmp_path):
    data = tmp_path / "data"
    run("init", "--data", data, "--name", "log.example/x")
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            [sys.executable, "-m", "lakzegel_server", "serve", "--data", data,
             "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        with process:
            line = process.stdout.readline()
            assert line.split()[-1] == (data / "listening").read_text().strip()
            assert run("serve", "--data", data, "--listen", "127.0.0.1:0") == 2
            process.send_signal(number)
            assert process.wait(20) == 0
        assert not (data / "listening").exists()
        assert check(Layout(data)).doubts == ()


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = (folder / "cert.pem", folder / "key.pem")
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_a_batch_is_taken_over_tls(tmp_path, kit):
    cert, key = certificate(tmp_path)
    with kit.world_at(tmp_path / "data", cert=cert, key=key) as world:
        world.client.verify = str(cert)
        assert world.client.url.startswith("https://")
        device = world.enrol()
        upload = device.seal([os.urandom(2**20)] * 3)
        world.receipt(world.client.put(upload), upload)
        got = world.as_("records")("GET", f"/v1/batches/{upload.name}")
        assert got.content == upload.batch


def test_a_certificate_that_cannot_be_used_is_a_usage_error(tmp_path, capsys):
    run("init", "--data", tmp_path / "data", "--name", "log.example/x")
    bad = tmp_path / "bad.pem"
    bad.write_text("x")
    base = ("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--tls-cert", bad)
    assert run(*base, "--tls-key", bad) == 2
    assert run(*base) == 2
    assert "belong together" in capsys.readouterr().err


def test_a_sender_that_falls_silent_or_is_too_slow_is_let_go():
    async def silent():
        yield b"x"
        await asyncio.Event().wait()

    async def drip():
        while True:
            yield b"x"
            await asyncio.sleep(0.001)  # a byte a millisecond

    async def drain(body, **limits):
        return [chunk async for chunk in timed(body, **limits)]

    with pytest.raises(SlowError):
        asyncio.run(drain(silent(), silence=0.01))
    with pytest.raises(SlowError):
        asyncio.run(drain(drip(), grace=0))


def test_a_client_that_goes_away_leaves_nothing(world, device):
    upload = device.seal([os.urandom(2**20)] * 3)
    host, port = world.client.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"PUT /v1/batches/{upload.name} HTTP/1.1\r\nHost: x\r\n"
        connection.sendall(f"{head}Content-Length: {len(upload.body)}\r\n\r\n".encode())
        connection.sendall(upload.body[:-100_000])
        while upload.name not in world.desk.intake._names:
            world.client("GET", "/v1/health")
    while world.desk.intake._names:
        world.client("GET", "/v1/health")
    assert world.left_behind() == [[], [], []]
    world.receipt(world.client.put(upload), upload)


def test_who_finds_no_place_in_time_is_asked_to_come_again(world, device, monkeypatch):
    monkeypatch.setattr("lakzegel_server.intake.PATIENCE", 0)
    upload = device.seal([os.urandom(2 * SMALL)])
    places, world.desk.intake._places = world.desk.intake._places, asyncio.Semaphore(0)
    answer = world.client.put(upload)
    assert (answer.status_code, answer.json()["retry"]) == (503, True)
    world.desk.intake._places = places
    world.receipt(world.client.put(upload), upload)


@pytest.mark.parametrize("size", [1, 2 * SMALL])
def test_a_batch_that_is_coming_in_already_is_not_taken_a_second_time(world, device, size):
    upload = device.seal([os.urandom(size)])
    world.desk.intake._names.add(upload.name)
    answer = world.client.put(upload)
    assert (answer.status_code, answer.json()["retry"]) == (503, True)
    world.desk.intake._names.discard(upload.name)
    world.receipt(world.client.put(upload), upload)


ROUTES = ["/v1/notes", "/v1/cosignatures", "/v1/held", "/v1/device"]
FUZZ = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def garbled(data, cuts):
    """Bytes with some of them changed, removed or doubled."""
    changed = bytearray(data)
    for position, byte, kind in cuts:
        at = position % max(1, len(changed))
        if kind == 0:
            changed[at : at + 1] = bytes([byte])
        elif kind == 1:
            del changed[at : at + byte]
        else:
            changed[at:at] = changed[at : at + byte]
    return bytes(changed)


CUTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 2)),
    min_size=1,
    max_size=4,
)


@FUZZ
@given(body=st.binary(max_size=300), cuts=CUTS, which=st.integers(0, 4))
def test_garbage_is_never_a_fault_of_the_receivers(world, kit, body, cuts, which):
    device = world.__dict__.setdefault("fuzzed", None) or world.enrol()
    world.__dict__["fuzzed"] = device
    signed = world.client.checkpoint()
    real = [
        device.enrolment,
        kit.cosigned(signed, world.office.witness),
        world.office.held_note(signed.checkpoint),
        device.query(),
        world.office.policy_note(3, "group:x"),
    ][which]
    admin = world.__dict__.setdefault("admin", None) or world.as_("admin")
    world.__dict__["admin"] = admin
    for route in ROUTES:
        for sent in (body, garbled(real, cuts)):
            answer = admin("POST", route, sent)
            assert answer.status_code < 500, (route, answer.text)


@FUZZ
@given(body=st.binary(max_size=300), cuts=CUTS)
def test_a_garbled_upload_is_never_a_fault_and_leaves_nothing(world, body, cuts):
    device = world.__dict__.setdefault("fuzzed", None) or world.enrol()
    world.__dict__["fuzzed"] = device
    upload = device.seal(advance=False)
    for sent in (body, garbled(upload.body, cuts)):
        if sent != upload.body:
            answer = world.client("PUT", f"/v1/batches/{upload.name}", sent)
            assert 400 <= answer.status_code < 500, answer.text
    assert world.left_behind() == [[], [], []]
