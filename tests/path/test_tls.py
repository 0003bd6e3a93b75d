# SPDX-License-Identifier: EUPL-1.2
"""The path over HTTPS: with the right authority it works, with a wrong one it is refused."""

import datetime as dt
import ipaddress
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakzegel_agent.transport import HttpReceiver


def certificate(folder, name):
    """A key and a certificate of its own for this machine's loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, secret


@pytest.fixture
def secure(ready, lakzegel_command):
    """The template's receiver, over HTTPS; agent and office trust its authority."""
    cert, key = certificate(ready.root, "right")
    certificate(ready.root, "wrong")
    ready.server.stop()
    (ready.server.data / "listening").unlink(missing_ok=True)
    log = (ready.root / "server.log").open("ab")
    listen = ready.server.listen
    ready.server.process = subprocess.Popen(
        lakzegel_command(
            "server", "serve", "--data", ready.server.data, "--listen", listen,
            "--tls-cert", cert, "--tls-key", key,
        ),
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    log.close()
    ready.server.wait()
    for file in (ready.config, ready.office_home / "office.toml"):
        text = file.read_text().replace(f"http://{listen}", f"https://{listen}")
        file.write_text(text)
    ready.config.write_text(f'ca_file = "{cert}"\n' + ready.config.read_text())
    return ready


@pytest.fixture
def lakzegel_command():
    import sys  # noqa: PLC0415

    def make(room, *arguments):
        return [sys.executable, "-m", f"lakzegel_{room}", *map(str, arguments)]

    return make


def test_everything_goes_over_https_and_a_wrong_authority_is_refused(secure, same_tree):
    folder = secure.sources["map"][1]
    (folder / "groot.bin").write_bytes(os.urandom(2_000_000))
    assert secure.once()["sealed"] == 1
    right, wrong = secure.root / "right.pem", secure.root / "wrong.pem"
    receiver = HttpReceiver(secure.server.url, ca_file=right)
    end = x509.load_pem_x509_certificate(right.read_bytes()).not_valid_after_utc
    assert receiver.trusted_until() == end  # by the file alone
    receiver.checkpoint()
    assert receiver._certificate == receiver.trusted_until() == end
    receiver.close()
    secure.office("pull", "--ca-file", right)
    secure.verify("--quiet")
    assert same_tree(folder, secure.restore() / "map") == []

    done = secure.office("pull", "--ca-file", wrong, expect=3)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "certificate" in done.stderr.lower()
    done = secure.office("pull", "--ca-file", secure.root / "none.pem", expect=2)
    assert "none.pem" in done.stderr
    secure.config.write_text(secure.config.read_text().replace(str(right), str(wrong)))
    (folder / "later.txt").write_text("later")
    done = secure.once(expect=3)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "certificate" in done.stderr.lower()
    assert secure.status()["spool"]["waiting"] == 1  # captured all the same
    secure.config.write_text(secure.config.read_text().replace(str(wrong), "/nowhere.pem"))
    done = secure.once(expect=2)
    assert "nowhere.pem" in done.stderr
