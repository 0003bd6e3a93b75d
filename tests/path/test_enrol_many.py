# SPDX-License-Identifier: EUPL-1.2
"""Many machines of one table enrol by one profile at one receiver; who may not is refused and seen.

Every device has keys, a home and notes of its own; they share a process so that they are many. The
long form, of 2,000, prints how long it took: `pytest -m soak tests/path/test_enrol_many.py -s`.
"""

import json
import runpy
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from lakzegel_agent.selfenrol import enrol_first
from lakzegel_agent.settings import load_config
from lakzegel_agent.transport import NeverError
from lakzegel_core.roster import RosterKey

CERTIFICATE = runpy.run_path(str(Path(__file__).with_name("test_tls.py")))["certificate"]
LIMIT = 600.0  # seconds that 2,000 may take
AT_ONCE = 8


@pytest.fixture
def secure(ready, monkeypatch):
    """The template's receiver over HTTPS."""
    cert, key = CERTIFICATE(ready.root, "right")
    ready.server.stop()
    (ready.server.data / "listening").unlink(missing_ok=True)
    with (ready.root / "server.log").open("ab") as log:
        ready.server.process = subprocess.Popen(
            [
                sys.executable, "-m", "lakzegel_server", "serve",
                "--data", str(ready.server.data), "--listen", ready.server.listen,
                "--tls-cert", str(cert), "--tls-key", str(key),
            ],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    ready.server.wait()
    # a process has one agent, and one log: here it has many
    monkeypatch.setattr("lakzegel_agent.selfenrol.journal.open_log", nullcontext)
    office = ready.office_home / "office.toml"
    office.write_text(office.read_text().replace("http://127", "https://127"))
    config = load_config(ready.config)
    ready.fast = replace(config, server=ready.server.url, ca_file=cert)
    return ready


def serial(number):
    return f"C39TEST{number:05}"


def roster(world, count, name="out", first=0):
    """A roster's key, its admissions in the log."""
    rows = (f"{serial(n)},ring-{n % 3},term-{n % 5}\n" for n in range(first, first + count))
    table = world.root / f"{name}.csv"
    table.write_text("serial,group,custody\n" + "".join(rows))
    out = world.root / name
    world.office("admit", "--csv", table, out)
    world.publish(out / "admissions")
    return RosterKey.from_text((out / "roster.key").read_text().strip())


def machine(world, key, number, name=""):
    """Enrol one machine in a home of its own; what it was refused with, or nothing."""
    home = world.root / "devices" / f"{name or number}"
    config = replace(world.fast, home=home, token=key.to_text(), serial=serial(number))
    try:
        enrol_first(config, say=lambda _: None, stop=threading.Event(), tries=1)
    except NeverError as error:
        return error.code
    return ""


def many(world, key, count):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(lambda n: machine(world, key, n), range(count)))


@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.soak)])
def test_machines_of_one_table_enrol_at_one_receiver(secure, count):
    began = time.monotonic()
    key = roster(secure, count)
    signed = time.monotonic()
    assert many(secure, key, count) == {"": count}
    took = time.monotonic() - signed
    print(
        f"\n{count} admissions signed and published in {signed - began:.1f} s;"
        f" {count} devices enrolled in {took:.1f} s, {count / took:.1f} a second"
    )
    assert count < 100 or took < LIMIT
    secure.office("pull", "--ca-file", secure.fast.ca_file)
    rows = json.loads(secure.office("roster", "list", "--json").stdout)
    assert {row["state"] for row in rows} == {"enrolled"}
    assert {row["device"] for row in rows} == {key.derive(serial(n)).device for n in range(count)}
    secure.verify()


def test_stolen_used_up_and_unknown_tokens_let_nobody_in(secure):
    key = roster(secure, 3)
    assert machine(secure, key, 0) == ""
    assert machine(secure, key, 0, "second machine") == "exhausted"
    assert machine(secure, key, 99) == "not-admitted"
    secure.office("pull", "--ca-file", secure.fast.ca_file)
    number = ("--roster", key.number, "--reason", "stolen")
    secure.office("withdraw", *number, secure.root / "withdrawal")
    secure.publish(secure.root / "withdrawal")
    assert machine(secure, key, 1) == "withdrawn"
    renewed = roster(secure, 3, "renewed")
    assert machine(secure, renewed, 1, "again") == ""
    secure.office("pull", "--ca-file", secure.fast.ca_file)
    secure.verify()
