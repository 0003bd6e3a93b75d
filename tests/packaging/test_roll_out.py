# SPDX-License-Identifier: EUPL-1.2
"""The real packages on a clean Debian with systemd: installed silently, used, upgraded, removed.

Only by `make soak`: environments are installed from the locks, and a system by debootstrap.
"""

import dataclasses
import datetime as dt
import ipaddress
import json
import secrets
import shutil
import tomllib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakzegel_linux import build, environment, products, staging
from tests.packaging.clean import Clean, missing
from tests.packaging.conftest import MOMENT

pytestmark = pytest.mark.soak
OFFICE = "/var/lib/lakzegel-office"
RECEIVER = "/var/lib/lakzegel-server"
URL = "https://127.0.0.1"
# a Debian's rpm knows of nothing that is installed, so it is not asked whether it is
INSTALL = {
    "deb": ("apt-get", "install", "-y", "--no-install-recommends"),
    "rpm": ("rpm", "--upgrade", "--force-debian", "--nodeps"),
}
REMOVE = {"deb": ("apt-get", "remove", "-y"), "rpm": ("rpm", "--erase", "--force-debian")}
VERSIONS = {
    "deb": ("dpkg-query", "-W", "-f", "${Package}=${Version}=${Status}\n", "lakzegel-*"),
    "rpm": ("rpm", "-qa", "--qf", "%{NAME}=%{VERSION}-%{RELEASE}\n", "lakzegel-*"),
}
PASSPHRASE = "/etc/lakzegel/office.passphrase"
AS_OFFICE = {"LAKZEGEL_PASSPHRASE_FILE": f"{OFFICE}/passphrase"}
MAIL = "From: burger@example.nl\r\nTo: minister@minxyz.example\r\nSubject: {0}\r\n\r\n{0}\r\n"
POLICY = """\
serial = 1
audience = ["group:bewindspersonen"]
expires = {expires}
recipients = {recipients}
cadence = "0s"
release = "held"
[guards]
default = "off"
[mail]
domains = ["minxyz.example"]
[[source]]
name = "mail"
kind = "maildir"
path = "~/Maildir"
settle = "0s"
"""
AGENT = """\
server = "{url}"
home = "/var/lib/lakzegel"
user_home = "/home/minister"
ca_file = "/etc/lakzegel/ca.pem"
keystore = "plain"
token_file = "/etc/lakzegel/token"
log_keys = {log}
policy_keys = {policy}
"""


@pytest.fixture
def clean(tmp_path, made):
    why = missing()
    if why:
        pytest.skip(why)
    machine = Clean(tmp_path)
    for folder, name in ((made[0].out, "now"), (made[1].out, "later")):
        shutil.copytree(folder, machine.shared / name)
    machine.boot()
    yield machine
    machine.close()


def authority(folder):
    """A private authority, and a certificate by it for this machine's loopback address."""
    now = dt.datetime.now(dt.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("CA", "R")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    for number, file in enumerate(("ca", "cert")):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
        )
        if number:
            here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([here]), critical=False)
        signed = builder.sign(keys[0], hashes.SHA256())
        (folder / f"{file}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    secret = keys[1].private_bytes(*form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)


class Custody:
    """A receiver, an office and a minister's laptop, all on one clean machine."""

    def __init__(self, machine, kind):
        self.machine, self.kind = machine, kind

    def install(self, *names, where="now"):
        """What apt or rpm said, that installed packages with nobody to ask."""
        mark = "_" if self.kind == "deb" else "-0"
        found = [*(self.machine.shared / where).glob(f"lakzegel-*.{self.kind}")]
        files = [
            f"/srv/shared/{where}/{path.name}"
            for name in names
            for path in found
            if path.name.startswith(name + mark)
        ]
        assert len(files) == len(names)
        return self.machine.run(*INSTALL[self.kind], *files)

    def remove(self, name):
        """What apt or rpm said, that removed a package."""
        return self.machine.run(*REMOVE[self.kind], name)

    def versions(self):
        """Which package is installed in which version."""
        return self.machine.run(*VERSIONS[self.kind]).splitlines()

    def server(self, *words):
        parts = 2 if words[0] == "account" else 1
        words = [*words[:parts], "--data", RECEIVER, *words[parts:]]
        return self.machine.run("lakzegel-server", *words, user="lakzegel-server")

    def office(self, *words, expect=0):
        parts = 2 if words[0] == "policy" else 1
        words = [*words[:parts], "--home", OFFICE, *words[parts:]]
        return self.machine.run(
            "lakzegel-office", *words, user="lakzegel-office", expect=expect, **AS_OFFICE
        )

    def hand(self, source, user, place=None):
        """Copy a file from one administrator's hands into another's."""
        place = place or f"/srv/shared/{source.rpartition('/')[2]}"
        self.machine.run("install", "-o", user, "-g", user, "-m", "0600", source, place)
        return place

    def begin_receiver(self):
        self.install("lakzegel-server", "lakzegel-office")
        run = self.machine.run
        authority(self.machine.shared)
        for name in ("cert.pem", "key.pem"):
            run("install", "-m", "0600", f"/srv/shared/{name}", f"/etc/lakzegel/tls/{name}")
        self.server("init", "--name", "log.example/clean")
        run("systemctl", "start", "lakzegel-server.socket", "lakzegel-server.service")

    def begin_office(self):
        """Its keys, and the log's first entry, which says what each may sign."""
        token = "/tmp/office.token"
        self.server("account", "add", "--role", "records", "--token-file", token, "office")
        (self.machine.shared / "passphrase").write_text(secrets.token_hex(16))
        self.hand("/srv/shared/passphrase", "root", PASSPHRASE)
        mine = {"passphrase": "/srv/shared/passphrase", "token": token}
        mine |= {"log.keys": f"{RECEIVER}/log.keys", "ca.pem": "/srv/shared/ca.pem"}
        for name, source in mine.items():
            self.hand(source, "lakzegel-office", f"{OFFICE}/{name}")
        words = ["--log-keys", f"{OFFICE}/log.keys", "--org", "records.example", "--server", URL]
        words += ["--ca-file", f"{OFFICE}/ca.pem", "--account-file", f"{OFFICE}/token"]
        self.office("init", *words, "--work-factor", "12")
        self.publish("notes/delegation.note")

    def publish(self, note):
        """What the office signed, in the log."""
        place = self.hand(f"{OFFICE}/{note}", "lakzegel-server", "/tmp/note")
        self.server("publish", place)

    def agree(self):
        """A policy in force, and a token for a device of the group."""
        self.office("admit", "--group", "bewindspersonen", f"{OFFICE}/profile.token")
        self.publish("profile.token.note")
        public = self.public()
        text = POLICY.format(
            expires=(dt.datetime.now(dt.UTC) + dt.timedelta(days=300)).date(),
            recipients=json.dumps(list(public["recipients"].values())),
        )
        (self.machine.shared / "policy.toml").write_text(text)
        self.hand("/srv/shared/policy.toml", "lakzegel-office", f"{OFFICE}/policy.toml")
        self.office("pull")
        self.office("policy", "sign", f"{OFFICE}/policy.toml")
        self.office("policy", "cosign", f"{OFFICE}/policy.toml")
        self.publish("policy.toml.note")

    def public(self):
        return tomllib.loads(self.machine.path(f"{OFFICE}/office.toml").read_text())

    def drop_profile(self):
        """What MDM delivers: an authority, a token, settings; these last, as they start it."""
        keys = self.public()["keys"]
        log = self.machine.path(f"{RECEIVER}/log.keys").read_text().split()
        text = AGENT.format(
            url=URL,
            log=json.dumps(log),
            policy=json.dumps([keys["policy-records"], keys["policy-privacy"]]),
        )
        self.machine.run("install", "-m", "0644", "/srv/shared/ca.pem", "/etc/lakzegel/ca.pem")
        self.machine.run(
            *("install", "-g", "lakzegel-agent", "-m", "0640"),
            *(f"{OFFICE}/profile.token", "/etc/lakzegel/token"),
        )
        (self.machine.shared / "agent.toml").write_text(text)
        self.machine.run(
            "install", "-m", "0644", "/srv/shared/agent.toml", "/etc/lakzegel/agent.toml"
        )

    def mail(self, subject):
        """A mail arrives in the minister's own folder, which is closed to everybody else."""
        name = f"{subject}.mail"
        (self.machine.shared / name).write_text(MAIL.format(subject))
        self.hand(f"/srv/shared/{name}", "minister", f"/home/minister/Maildir/new/{name}")

    def let_go(self):
        """Whether the device has no batch any more, since the office holds them all."""
        self.machine.run("systemctl", "reload", "lakzegel-agent.service")
        return not [path for path in self.spool().iterdir() if path.suffix == ".head"]

    def spool(self):
        return self.machine.path("/var/lib/lakzegel/spool")

    def sealed(self):
        return self.status()["ledger"]["sealed"]

    def status(self):
        text = self.machine.run(
            *("sh", "-c", "lakzegel-agent status --config /etc/lakzegel/agent.toml --json || true"),
            user="lakzegel-agent",
        )
        return json.loads(text)


@pytest.mark.parametrize("kind", ["deb", "rpm"])
def test_packages_are_installed_used_upgraded_and_removed_and_nothing_is_lost(clean, kind):
    custody = Custody(clean, kind)
    run = clean.run
    custody.begin_receiver()
    custody.begin_office()
    custody.agree()
    run("systemctl", "enable", "--now", "lakzegel-office-pull.service")

    # the device: a package, then a profile; nobody logs in
    run("useradd", "--create-home", "--home-dir", "/home/minister", "minister")
    run("chmod", "0700", "/home/minister")
    run("mkdir", "-p", "/home/minister/Maildir/new", "/home/minister/Maildir/cur", user="minister")
    custody.mail("first")
    custody.install("lakzegel-agent")
    assert run("systemctl", "is-enabled", "lakzegel-agent.service") == "enabled\n"
    assert run("systemctl", "is-active", "lakzegel-agent.service", expect=3) == "inactive\n"
    custody.drop_profile()
    clean.await_that("captured", lambda: custody.sealed() == 1)
    clean.await_that("held by the office", custody.let_go)
    assert run("stat", "-c", "%U %a", "/var/lib/lakzegel") == "lakzegel-agent 700\n"

    # another version of everything
    device = custody.status()["device"]
    custody.install("lakzegel-agent", "lakzegel-server", "lakzegel-office", where="later")
    assert [line.split("=")[1] for line in custody.versions()] == ["0.1.0-2"] * 3
    for unit in ("agent.service", "server.service", "server.socket", "office-pull.service"):
        assert run("systemctl", "is-active", f"lakzegel-{unit}") == "active\n"
    custody.mail("second")
    clean.await_that("captured", lambda: custody.sealed() == 2)
    clean.await_that("held by the office", custody.let_go)
    assert custody.status()["device"] == device

    # no receiver; the package is removed with what waits, and purged
    run("systemctl", "stop", "lakzegel-server.socket", "lakzegel-server.service")
    custody.mail("third")
    clean.await_that("captured", lambda: custody.sealed() == 3)
    said = custody.remove("lakzegel-agent")
    assert "closed batches are kept in /var/lib/lakzegel: not sent" in said
    assert not clean.path("/usr/lib/lakzegel-agent").exists()
    if kind == "deb":
        assert "the keys that send them" in run("dpkg", "--purge", "lakzegel-agent")
    assert run("systemctl", "is-enabled", "lakzegel-agent.service", expect=1).startswith("Failed")
    run("systemctl", "start", "lakzegel-server.socket", "lakzegel-server.service")

    # installed again, it sends them
    custody.install("lakzegel-agent", where="later")
    clean.await_that("held by the office", custody.let_go)
    assert custody.status()["device"] == device
    run("systemctl", "stop", "lakzegel-office-pull.service")
    custody.office("pull")
    assert custody.office("verify", "--quiet").endswith("VERIFIED\n")
    custody.office("restore", "--device", device, "--out", f"{OFFICE}/restored")
    before = run("sh", "-c", "cd /home/minister/Maildir/new && sha256sum *")
    after = run("sh", "-c", f"cd {OFFICE}/restored/*/new && sha256sum *")
    assert after == before
    assert before.count("\n") == 3
    custody.server("check")


def other_agent(tree, release, break_it=None):
    """A package of the agent with a higher number, whole or broken, in a folder of its own."""
    product = products.PRODUCTS[0]
    later = dataclasses.replace(
        tree, work=tree.work / release, out=tree.out.with_name(f"agent-{release}"), release=release
    )
    root = later.work / product.name
    shutil.copytree(tree.work / product.name, root, symlinks=True)
    made = environment.Environment(root, product.home, ())
    environment.name_version(made, f"{tree.version}-{release}")
    if break_it is not None:
        break_it(made.packages / "lakzegel_agent")
    staging.settle(root, MOMENT)
    build.pack(later, product, root, "deb")
    return later.out


def without_daemon(package):
    (package / "daemon.py").write_text("import lakzegel_agent.nothing\n")
    for compiled in (package / "__pycache__").glob("daemon.*.pyc"):
        compiled.unlink()


def test_a_package_that_does_not_start_is_left_for_the_one_before_and_the_next_one_is_taken(
    clean, made
):
    custody = Custody(clean, "deb")
    run = clean.run
    custody.begin_receiver()
    custody.begin_office()
    custody.agree()
    run("systemctl", "enable", "--now", "lakzegel-office-pull.service")
    run("useradd", "--create-home", "--home-dir", "/home/minister", "minister")
    run("chmod", "0700", "/home/minister")
    run("mkdir", "-p", "/home/minister/Maildir/new", "/home/minister/Maildir/cur", user="minister")
    custody.mail("first")
    custody.install("lakzegel-agent")
    custody.drop_profile()
    proven = clean.path("/var/lib/lakzegel/version/proven")
    clean.await_that("proven", lambda: proven.exists() and custody.sealed() == 1)
    assert proven.read_text() == "0.1.0-1\n"

    # one that cannot be imported: three starts, 30 s apart, and the version before runs
    shutil.copytree(other_agent(made[0], "8", without_daemon), clean.shared / "broken")
    custody.install("lakzegel-agent", where="broken")
    custody.mail("second")
    clean.await_that("captured by the one before", lambda: custody.sealed() == 2, seconds=240)
    status = custody.status()
    assert status["update"]["bad"] == {"version": "0.1.0-8", "why": "crashed"}
    assert [one["code"] for one in status["problems"]] == ["update-rolled-back"]
    assert run("systemctl", "is-active", "lakzegel-agent.service") == "active\n"
    assert run("dpkg", "--verify", "lakzegel-agent") == ""
    run("systemctl", "restart", "lakzegel-agent.service")
    custody.mail("third")
    clean.await_that("captured after a start", lambda: custody.sealed() == 3)

    # a mended one
    shutil.copytree(other_agent(made[0], "9"), clean.shared / "mended")
    custody.install("lakzegel-agent", where="mended")
    clean.await_that("proven", lambda: proven.read_text() == "0.1.0-9\n")
    clean.await_that("no problem", lambda: not custody.status()["problems"])
    assert custody.status()["update"]["checked"] == "self-check ok 0.1.0-9"
    assert not clean.path("/var/lib/lakzegel/version/bad").exists()

    # and the device goes out of use
    run("systemctl", "stop", "lakzegel-agent.service")
    said = run(
        *("lakzegel-agent", "decommission", "--config", "/etc/lakzegel/agent.toml"),
        *("--wait", "60s"),
        user="lakzegel-agent",
    )
    assert "the records office holds everything" in said
    assert not clean.path("/var/lib/lakzegel/keys").exists()
    run("systemctl", "stop", "lakzegel-office-pull.service")
    custody.office("pull")
    assert custody.office("verify", "--quiet").endswith("VERIFIED\n")
