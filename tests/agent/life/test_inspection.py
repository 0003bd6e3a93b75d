# SPDX-License-Identifier: EUPL-1.2
"""A proxy that asks for a login and ends TLS itself: refused by name, or let in on purpose."""

import base64
import datetime as dt
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakzegel_agent.backoff import Backoff
from lakzegel_agent.selfenrol import enrol_first
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsshown import shown
from lakzegel_agent.status import current_status
from lakzegel_agent.transport import ProxyError, TlsError

LOGIN = "jan:ge heim"
HOST = "receiver.example"  # which nobody but the proxy finds


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The proxy's own authority, and its certificate for the receiver's name."""
    folder = tmp_path_factory.mktemp("authority")
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Min XYZ"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Inspectie CA"),
        ]
    )
    root = ec.generate_private_key(ec.SECP256R1())
    leaf = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)

    def made(subject, key, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    (folder / "ca.pem").write_bytes(made(name, root, x509.BasicConstraints(True, None)))
    secret = leaf.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    (folder / "leaf.pem").write_bytes(made(own, leaf, names) + secret)
    return folder


class Inspects(BaseHTTPRequestHandler):
    """Asks for a login, ends TLS by its own certificate, and asks the receiver itself."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def finish(self):
        super().finish()
        self.connection.close()

    def do_CONNECT(self):
        told = self.headers.get("Proxy-Authorization", "")
        self.server.asked.append(told)
        if told != "Basic " + base64.b64encode(LOGIN.encode()).decode():
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        self.forward()

    def do_POST(self):
        self.forward()

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.read.append(body)
        answer = requests.request(
            self.command, self.server.receiver + self.path, data=body, timeout=10
        )
        self.send_response(answer.status_code)
        for name in ("Content-Type",):
            self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


@pytest.fixture
def proxy(authority, served):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Inspects)
    server.daemon_threads = True
    server.receiver, server.asked, server.read = served, [], []
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(authority / "leaf.pem")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path, office, token, proxy):
    def made(login, **more):
        log = office.log.keys
        values = {
            "server": f"https://{HOST}",
            "home": str(tmp_path / "home-1"),
            "log_keys": [log.ed25519.to_text(), log.mldsa.to_text()],
            "policy_keys": [key.verifier.to_text() for key in office.policy],
            "token_file": str(token),
            "proxy": f"http://{login}127.0.0.1:{proxy.server_port}",
            **more,
        }
        path = tmp_path / "agent.toml"
        path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
        return load_config(path)

    return made


def enrolled(config):
    quick = Backoff(lambda: 0.0, first=0.001, cap=0.001)
    return enrol_first(config, say=lambda _: None, stop=threading.Event(), backoff=quick, tries=1)


def problems(config):
    return {one["code"]: one["detail"] for one in current_status(config)["problems"]}


def test_with_its_login_and_its_authority_a_device_enrols(settings, authority, proxy, log):
    enrolled(settings("jan:ge%20heim@", ca_file=str(authority / "ca.pem")))
    assert any(entry.startswith(b"lakzegel.nl/enrolment/v1") for entry in log.entries)
    assert not any(b"PRIVATE" in body for body in proxy.read)


def test_without_its_authority_it_is_refused_and_the_issuer_is_named(settings, proxy, token):
    config = settings("jan:ge%20heim@")
    with pytest.raises(TlsError, match="it was issued by Inspectie CA, Min XYZ"):
        enrolled(config)
    assert proxy.read == []  # nothing was said to a stranger
    found = problems(config)
    assert "Inspectie CA" in found["tls-failed"]
    assert "heim" not in json.dumps(found)
    assert token.exists()


def test_without_its_login_the_proxy_is_named_and_no_word_of_the_login(settings, authority, proxy):
    config = settings("jan:verkeerd@", ca_file=str(authority / "ca.pem"))
    with pytest.raises(ProxyError, match="it refused with 407"):
        enrolled(config)
    found = json.dumps([problems(config), [one.to_json() for one in shown(config, None)]])
    assert "proxy-refused" in found
    assert "verkeerd" not in found
    assert proxy.read == []
