# SPDX-License-Identifier: EUPL-1.2
"""The way to the receiver: past a proxy, through one, and which one."""

import base64
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakzegel_agent import bounded
from lakzegel_agent.bounded import fetch
from lakzegel_agent.pac import MAX_PAC, Pac, PacError, run_pac, ways_of
from lakzegel_agent.proxies import Routes, named
from lakzegel_agent.transport import HttpReceiver, ProxyError, TlsError, UnreachableError

RECEIVER = "receiver.example"  # known to the proxy alone


class System:
    """What a system says, as a test wants it."""

    def __init__(self, proxies=(), bypassed=()):
        self.found, self.bypassed = dict(proxies), bypassed

    def proxies(self):
        return self.found

    def bypasses(self, host):
        return host in self.bypassed


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A private authority's certificate for the receiver, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "private authority")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(RECEIVER), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    none = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, none))
    return cert, secret


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        body = self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Tunnels(BaseHTTPRequestHandler):
    """A small proxy that knows one name, and refuses where it is told to."""

    def log_message(self, *_):
        pass

    def do_CONNECT(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        with socket.create_connection(self.server.target) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pump, args=(other, self.connection))
            back.start()
            pump(self.connection, other)
            back.join()


def pump(source, target):
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def serve():
    """Starts servers on this machine."""
    running = []

    def start(handler, **more):
        found = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        found.seen, found.status, found.body, found.daemon_threads = [], 200, b"tree", True
        found.handle_error = lambda *_: None  # a refused certificate is what some tests want
        for name, value in more.items():
            setattr(found, name, value)
        thread = threading.Thread(target=found.serve_forever, args=(0.02,))
        thread.start()
        running.append((found, thread))
        return found

    yield start
    for found, thread in running:
        found.shutdown()
        found.server_close()
        thread.join()


@pytest.fixture
def secure(serve, authority):
    """A receiver over TLS."""
    found = serve(Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    found.socket = context.wrap_socket(
        found.socket, server_side=True, do_handshake_on_connect=False
    )
    return found


@pytest.fixture
def proxy(serve, secure):
    return serve(Tunnels, target=secure.server_address)


@pytest.fixture
def reach(authority):
    """Makes receivers as a device reaches them."""
    made = []

    def receiver(ca_file=authority[0], **more):
        url = f"https://{RECEIVER}:8443"
        found = HttpReceiver(url, ca_file=ca_file, routes=Routes(url, **more))
        made.append(found)
        return found

    yield receiver
    for found in made:
        found.close()


def address(server, login=""):
    return f"http://{login}127.0.0.1:{server.server_port}"


def test_the_receiver_is_reached_through_a_proxy_that_sees_its_name_alone(reach, proxy, secure):
    assert reach(proxy=address(proxy)).checkpoint() == b"tree"
    (path, headers) = proxy.seen[0]
    assert path == f"{RECEIVER}:8443"
    assert "Proxy-Authorization" not in headers
    assert "Authorization" not in headers
    assert secure.seen[0][0] == "/log/checkpoint"


def test_a_login_is_for_the_proxy_alone(reach, proxy, secure):
    assert reach(proxy=address(proxy, "user:hunter2@")).checkpoint() == b"tree"
    login = base64.b64encode(b"user:hunter2").decode()
    assert proxy.seen[0][1]["Proxy-Authorization"] == f"Basic {login}"
    assert not any("auth" in name.lower() for name in secure.seen[0][1])


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_told_apart_and_its_login_is_not_told(reach, proxy, status):
    proxy.status = status
    with pytest.raises(ProxyError) as caught:
        reach(proxy=address(proxy, "user:hunter2@")).checkpoint()
    text = str(caught.value)
    assert f"proxy 127.0.0.1:{proxy.server_port}: it refused with {status}" in text
    assert "hunter2" not in text
    assert "\n" not in text


def test_so_is_one_that_is_not_there(reach):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        way = f"http://user:hunter2@127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ProxyError, match="does not answer") as caught:
            reach(proxy=way).checkpoint()
    assert "hunter2" not in str(caught.value)


def test_a_wrong_authority_behind_a_proxy_is_a_failure_of_tls(reach, proxy):
    with pytest.raises(TlsError, match=r"(?i)certificate"):
        reach(ca_file=None, proxy=address(proxy)).checkpoint()


def test_a_proxy_that_drips_its_answer_is_left(reach, monkeypatch):
    monkeypatch.setattr(bounded, "OPENING", 0.4)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ended.wait(0.02):
                    try:
                        connection.sendall(b"X-More: a\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(UnreachableError):
                reach(proxy=f"http://127.0.0.1:{listening.getsockname()[1]}").checkpoint()
        finally:
            ended.set()
            thread.join()


def test_the_systems_proxy_is_used(reach, proxy, monkeypatch):
    monkeypatch.setenv("https_proxy", address(proxy))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert reach().checkpoint() == b"tree"


def test_without_a_way_the_name_is_looked_up_here(reach, proxy):
    system = System({"https": address(proxy)}, bypassed=[RECEIVER])
    with pytest.raises(UnreachableError) as caught:
        reach(system=system).checkpoint()
    assert not isinstance(caught.value, ProxyError)
    assert proxy.seen == []


@pytest.mark.parametrize(
    ("server", "more", "way"),
    [
        ("https://r.example", {}, "http://p.example:1"),
        ("https://127.0.0.1:4", {}, None),
        ("https://127.0.0.1:4", {"proxy": "http://q.example:2"}, None),
        ("https://r.example", {"proxy": "none"}, None),
        ("https://r.example", {"proxy": "http://q.example:2"}, "http://q.example:2"),
        ("https://past.example", {}, None),
        ("https://r.example", {"pac": lambda _: ["http://pac.example:3", None]},
         "http://pac.example:3"),
        ("https://r.example", {"proxy": "none", "pac": lambda _: ["http://pac.example:3"]}, None),
    ],
)  # fmt: skip
def test_which_way_is_taken(server, more, way):
    system = System({"https": "p.example:1", "http": "no.example:1"}, ["past.example"])
    assert Routes(server, system=system, **more).current() == way


def test_all_proxy_holds_where_nothing_else_does():
    system = System({"all": "http://p.example:1"})
    assert Routes("https://r.example", system=system).current() == "http://p.example:1"


def test_a_way_that_fails_is_followed_by_the_next_and_asked_for_again_after_the_last():
    asked = []

    def pac(url):
        asked.append(url)
        return ["http://a.example:1", None]

    routes = Routes("https://r.example", pac=pac, system=System())
    assert routes.current() == "http://a.example:1"
    routes.failed()
    assert routes.current() is None
    routes.failed()
    assert routes.current() == "http://a.example:1"
    assert len(asked) == 2


def test_a_device_that_moved_asks_again():
    now = [0.0]
    system = System({"https": "http://a.example:1"})
    routes = Routes("https://r.example", system=system, clock=lambda: now[0])
    assert routes.current() == "http://a.example:1"
    system.found = {}
    assert routes.current() == "http://a.example:1"
    now[0] = 601.0
    assert routes.current() is None


def test_the_systems_word_comes_through_pythons_library(monkeypatch):
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://mac.example:8"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "past.example")
    assert Routes("https://r.example").current() == "http://mac.example:8"
    assert Routes("https://past.example").current() is None


def test_a_proxy_is_called_by_its_host_and_port():
    assert named("http://user:hunter2@p.example:8080") == "p.example:8080"
    assert named("http://p.example") == "p.example"


# PAC files


def program(body):
    return f"function FindProxyForURL(url, host) {{ {body} }}".encode()


def test_a_pac_file_leads_through_the_proxy_that_it_names(reach, proxy, serve):
    way = f"PROXY 127.0.0.1:{proxy.server_port}; DIRECT"
    text = program(f"return dnsDomainIs(host, '.example') ? '{way}' : 'DIRECT';")
    pac = serve(Answers, body=text)
    found = Pac(f"{address(pac)}/proxy.pac", lambda url: fetch(url, limit=MAX_PAC, verify=True))
    assert reach(pac=found).checkpoint() == b"tree"
    assert pac.seen[0][0] == "/proxy.pac"


def test_a_pac_file_on_this_disk_is_read(tmp_path):
    path = tmp_path / "proxy.pac"
    path.write_bytes(program("return 'HTTPS p.example:1';"))
    assert Pac(str(path), lambda _: b"")("https://r.example") == ["https://p.example:1"]
    path.write_bytes(b"/" * (MAX_PAC + 1))
    with pytest.raises(PacError, match="more than"):
        Pac(str(path), lambda _: b"")("https://r.example")
    with pytest.raises(PacError, match="cannot be had"):
        Pac(str(tmp_path / "none.pac"), lambda _: b"")("https://r.example")


@pytest.mark.parametrize(
    "body",
    [
        "while (true) {}",
        "var a = []; while (true) { a.push(new Array(100000).join('x') + a.length); }",
        "return f(0); function f(n) { return f(n + 1) + 1; }",
        "throw 'no';",
        "return new Array(100000).join('PROXY a:1; ');",
    ],
)
def test_a_pac_file_that_takes_too_much_is_ended(body):
    with pytest.raises(PacError):
        ways_of(run_pac(program(body), "https://r.example"))


@pytest.mark.parametrize("text", [b"", b"function (((", b"\xff\xfe\x00", b"var x = 1;"])
def test_what_is_no_pac_file_is_refused(text):
    with pytest.raises(PacError):
        ways_of(run_pac(text, "https://r.example"))


def test_a_pac_file_that_waits_is_ended_by_the_clock_on_the_wall():
    with pytest.raises(PacError, match="no answer"):
        run_pac(program("while (true) {}"), "https://r.example", wall=0.2)


def test_a_pac_file_finds_no_file_no_program_and_no_environment(monkeypatch):
    monkeypatch.setenv("CANARY", "hunter2")
    body = (
        "var n = ['require', 'std', 'os', 'process', 'fetch', 'XMLHttpRequest', 'load', 'import_'];"
        "return 'PROXY x' + n.filter(function(k) { return k in globalThis; }).join('.') + ':1';"
    )
    assert ways_of(run_pac(program(body), "https://r.example")) == ["http://x:1"]


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        ("DIRECT", [None]),
        ("PROXY a:1; proxy b.example:2 ;DIRECT", ["http://a:1", "http://b.example:2", None]),
        ("SOCKS a:1; HTTP [::1]:3", ["http://[::1]:3"]),
        ("PROXY user:pw@a:1; DIRECT", [None]),
        ("PROXY a:1/path; PROXY a b; PROXY; DIRECT", [None]),
        ("; ".join(["PROXY a:1"] * 50), ["http://a:1"] * 8),
    ],
)
def test_what_a_pac_file_says_is_taken_by_the_letter(said, ways):
    assert ways_of(said) == ways


@pytest.mark.parametrize("said", ["", "undefined", "SOCKS5 a:1", "PROXY", "7", "PROXY a\r\nX: y"])
def test_a_pac_file_that_names_nothing_is_refused(said):
    with pytest.raises(PacError):
        ways_of(said)


def test_where_a_pac_file_cannot_be_had_the_receiver_is_tried_directly(reach, serve):
    missing = serve(Answers, status=404)
    pac = Pac(address(missing), lambda url: fetch(url, limit=MAX_PAC, verify=True))
    with pytest.raises(UnreachableError, match="pac: cannot be had"):
        reach(pac=pac).checkpoint()


def test_a_pac_file_without_end_is_not_fetched(serve):
    found = serve(Answers, body=b"/" * 5000)
    with pytest.raises(OSError, match="more than"):
        fetch(address(found), limit=4999, verify=True)
    assert fetch(address(found), limit=5000, verify=True) == b"/" * 5000
