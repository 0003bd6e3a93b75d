# SPDX-License-Identifier: EUPL-1.2
"""A whole custody on one booted machine, each party a service of its own, as the guides have it."""

import json
import time
import tomllib

DEVICE = "minister-laptop"
ORIGIN = "log.example/units"
NAMES = "subjectAltName=DNS:receiver.example,IP:127.0.0.1"
POLICY = """\
serial = 1
audience = ["device:{device}"]
expires = 2036-01-01
recipients = {recipients}
cadence = "0s"
release = "sealed"
guards = {{default = "off"}}
{sources}
"""
SOURCE = '[[source]]\nname = "{0}"\nkind = "{1}"\npath = "{2}"\nsettle = "0s"\n{3}'
SERVER, OFFICE = "/var/lib/lakzegel-server", "/var/lib/lakzegel-office"


def certificate(machine, name="1"):
    """A new certificate and key where the receiver's unit looks."""
    machine.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", NAMES,
        "-keyout", "/etc/lakzegel/tls/key.pem", "-out", "/etc/lakzegel/tls/cert.pem",
    )  # fmt: skip
    machine.run("cp", "/etc/lakzegel/tls/cert.pem", "/etc/lakzegel/ca.pem")
    machine.run("chmod", "644", "/etc/lakzegel/ca.pem")


def receiver(machine):
    """A receiver that serves on port 443."""
    certificate(machine)
    server(machine, "init", "--name", ORIGIN)
    server(machine, "account", "add", "--role", "records", "--token-file", "/tmp/token", "o")
    machine.run("systemctl", "start", "lakzegel-server.socket")
    machine.run("systemctl", "start", "lakzegel-server.service")


def server(machine, *words):
    """A command of the receiver's, as its user."""
    verb = 2 if words[0] == "account" else 1
    words = [*words[:verb], "--data", SERVER, *words[verb:]]
    return machine.run("lakzegel-server", *words, user="lakzegel-server")


def office(machine, *words, check=True):
    """A command of the records office's, as its user."""
    verb = 2 if words[0] == "policy" else 1
    secret = f"{OFFICE}/passphrase"
    words = [*words[:verb], "--home", OFFICE, "--passphrase-file", secret, *words[verb:]]
    return machine.run("lakzegel-office", *words, user="lakzegel-office", check=check)


def records(machine):
    """A records office whose delegation is in the log."""
    shell = "umask 077; echo een zin die niemand raadt > /etc/lakzegel/office.passphrase;"
    shell += (
        f"install -o lakzegel-office -m 600 /etc/lakzegel/office.passphrase {OFFICE}/passphrase;"
    )
    shell += f"install -o lakzegel-office -m 600 /tmp/token {SERVER}/log.keys {OFFICE}/"
    machine.run("sh", "-c", shell)
    office(
        machine, "init", "--log-keys", f"{OFFICE}/log.keys", "--org", "records.example",
        "--work-factor", "5", "--server", "https://127.0.0.1", "--account-file", f"{OFFICE}/token",
        "--ca-file", "/etc/lakzegel/ca.pem",
    )  # fmt: skip
    publish(machine, f"{OFFICE}/notes/delegation.note")


def publish(machine, note):
    """Have the receiver take a note of the office's."""
    machine.run("install", "-o", "lakzegel-server", note, "/tmp/note")
    server(machine, "publish", "/tmp/note")


def policy(machine, sources):
    """A policy over sources: name, kind, path, more lines."""
    told = tomllib.loads(machine.path(f"{OFFICE}/office.toml").read_text())
    text = POLICY.format(
        device=DEVICE,
        recipients=json.dumps(list(told["recipients"].values())),
        sources="\n".join(SOURCE.format(*source) for source in sources),
    )
    machine.path(f"{OFFICE}/policy.toml").write_text(text)
    office(machine, "policy", "sign", f"{OFFICE}/policy.toml")
    office(machine, "policy", "cosign", f"{OFFICE}/policy.toml")
    publish(machine, f"{OFFICE}/policy.toml.note")


def profile(machine, more=""):
    """What MDM would deliver."""
    told = tomllib.loads(machine.path(f"{OFFICE}/office.toml").read_text())["keys"]
    keys = machine.path(f"{SERVER}/log.keys").read_text().split()
    text = (
        'server = "https://127.0.0.1"\nhome = "/var/lib/lakzegel"\n'
        'user_home = "/home/minister"\nca_file = "/etc/lakzegel/ca.pem"\nproxy = "none"\n'
        f"log_keys = {json.dumps(keys)}\n"
        f"policy_keys = {json.dumps([told['policy-records'], told['policy-privacy']])}\n{more}"
    )
    place = machine.path("/etc/lakzegel/agent.toml")
    place.write_text(text)
    place.chmod(0o644)


def admit(machine):
    """Leave for the device to enrol, put where its service manager takes it from."""
    token = f"{OFFICE}/token-device"
    office(machine, "admit", "--device", DEVICE, token)
    publish(machine, f"{token}.note")
    machine.run("install", "-D", "-m", "600", token, "/etc/credstore/lakzegel-agent.token")


def minister(machine):
    """A user with mail that is his alone."""
    machine.run("useradd", "--create-home", "--user-group", "minister")
    machine.run("chmod", "700", "/home/minister")
    shell = "umask 077; mkdir -p Mail/new Mail/cur Mail/tmp; for i in 1 2 3; do"
    shell += " printf 'From: a@minxyz.example\\nSubject: %s\\n\\nText\\n' $i > Mail/new/$i.m; done"
    machine.run("sh", "-c", f"cd /home/minister; {shell}", user="minister")


def login(machine, user):
    """Start a user's own service manager, as a login does; his number."""
    uid = machine.run("id", "-u", user).strip()
    machine.run("systemctl", "start", f"user@{uid}.service")
    return uid


def until(machine, told, seconds=90):
    """Wait for what another process says of itself: nothing can be awaited."""
    end = time.monotonic() + seconds
    while not told():
        if time.monotonic() > end:
            log = machine.run("journalctl", "--no-pager", "-n", "60", check=False).stdout
            raise AssertionError(f"it never came to that\n{log}")
        time.sleep(0.5)
