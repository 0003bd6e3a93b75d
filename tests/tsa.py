# SPDX-License-Identifier: EUPL-1.2
"""A time-stamp authority: `openssl ts` behind HTTP on loopback, which can also misbehave."""

import shutil
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OPENSSL = shutil.which("openssl")
CONFIGURATION = """
[tsa]
default_tsa = t
[t]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def certificate(name, *, by=None, days=(-1, 3650), usage=None, critical=True):
    """A key and a certificate; self-signed, and then an authority, unless somebody made it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=critical)
    return key, builder.sign(by[0] if by else key, hashes.SHA256())


def stamping(root, **more):
    """A certificate that may stamp, made by this root."""
    return certificate("stamper", by=root, usage=ExtendedKeyUsageOID.TIME_STAMPING, **more)


class Authority:
    """What answers queries; ``spoil`` changes an answer, or does something else instead."""

    def __init__(self, folder, *, root=None, signer=None):
        folder.mkdir(parents=True)
        self.folder = folder
        self.root = root or certificate("root")
        self.queries = []
        self.headers = []
        self.spoil = lambda answer, _handler: answer
        self.use(signer or stamping(self.root))
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        self.roots_file.write_bytes(self.root[1].public_bytes(serialization.Encoding.PEM))

    @property
    def roots_file(self):
        return self.folder / "root.pem"

    def use(self, signer):
        key, found = signer
        pem = serialization.Encoding.PEM
        (self.folder / "signer.pem").write_bytes(found.public_bytes(pem))
        (self.folder / "signer.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def reply(self, query):
        path = self.folder / "query"
        path.write_bytes(query)
        command = [OPENSSL, "ts", "-reply", "-config", self.folder / "tsa.cnf", "-queryfile", path]
        return subprocess.run(command, capture_output=True, check=False).stdout


@contextmanager
def answering(authority):
    """The authority's URL, while it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.queries.append(query)
            authority.headers.append(dict(self.headers))
            answer = authority.spoil(authority.reply(query), self)
            if answer is not None:
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def openssl_verifies(folder, name, *, data=None, end="checkpoint"):
    """Whether `openssl ts -verify` takes what lies in a receiver's folder, with nothing else."""
    roots = b"".join(p.read_bytes() for p in sorted((folder / "roots").glob("*.pem")))
    together = folder.parent.parent / "roots.pem"
    together.write_bytes(roots)
    command = [OPENSSL, "ts", "-verify", "-data", data or folder / f"{name}.{end}"]
    command += ["-in", folder / f"{name}.tsr", "-CAfile", together]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
