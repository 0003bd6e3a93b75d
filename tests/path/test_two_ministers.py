# SPDX-License-Identifier: EUPL-1.2
"""Two ministers, one laptop, one phone, and a change of cabinet in between."""

import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

NOW = datetime.now(UTC).replace(microsecond=0)
UNTIL = f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"  # of the first one's term
LAST = NOW - timedelta(days=2)  # his phone's last backup
FIRST = NOW - timedelta(hours=1)  # hers
A, B = "A. B. de Vries", "C. Jansen"
ROLE = "minister van BZK"


@pytest.fixture(scope="session")
def phones():
    """The phones that the agent's own tests make."""
    place = Path(__file__).parents[1] / "agent/readout/conftest.py"
    spec = importlib.util.spec_from_file_location("made_phones", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources(world, phones, custody, made, text):
    """A folder and a phone's backup, with something of this person in both."""
    folder = world.watch("folder", world.user_home / "map")
    (folder / "nota.txt").write_text(text)
    backups = world.watch("ios-backup", world.user_home / "Backups")
    phone = phones.IPhone(backups / phones.UDID, phones.SERIAL)
    phones.fill(phone)
    phone.status(made=made)
    world.said["Backups"] = ['apps = ["messages", "whatsapp"]', f'custody = "{custody}"']
    world.more = '[[readout]]\nsource = "s1"\nevery = "7d"\n'
    world.hidden = (
        *("[[phone]]", f'serial = "{phones.SERIAL}"', 'custody = "default"'),
        *("from = 2026-01-01", f"until = {UNTIL}"),
        *("[[phone]]", f'serial = "{phones.SERIAL}"', 'custody = "2027-b"', f"from = {UNTIL}"),
    )
    return phone


def term(world, act, *more, expect=0, out=None):
    return world.office("term", act, *more, *([out] if out else []), expect=expect)


def opened(world, custody, person, begins, device):
    out = world.root / f"{custody}.note"
    who = ("--custody", custody, "--person", person, "--role", ROLE)
    term(world, "open", *who, "--from", begins, "--device", device, out=out)
    world.publish(out)


def close(world, name, *more, expect=0):
    out = world.root / name
    done = term(world, "close", "--custody", "default", "--until", UNTIL, *more, out=out,
                expect=expect)  # fmt: skip
    return out, done.stdout


def ended(world):
    """Have the term end on his laptop."""
    world.hidden = (*world.hidden, "[term]", f"ends = {UNTIL}")
    world.set_policy()
    world.once()
    counts = world.status()["ledger"]
    world.pull()
    return counts


def units(world, custody):
    rows = world.office("search", "", "--custody", custody, "--json").stdout.splitlines()
    return [json.loads(row) for row in rows]


def test_each_sees_only_his_own_and_the_certificates_counts_are_the_ledgers(ready, phones):
    world = type(ready)

    class Hers(world):
        user_home = property(lambda self: self.root / "device-2")
        agent_home = property(lambda self: self.root / "agent-2")
        config = property(lambda self: self.root / "agent-2.toml")

    opened(ready, "default", A, "2026-07-01", "minister-laptop")
    sources(ready, phones, "default", LAST, "van hem")
    ready.set_policy()
    ready.once()
    ready.pull()
    _, said = close(ready, "te-vroeg", expect=1)
    assert "not-final: minister-laptop" in said
    counts = ended(ready)
    out, said = close(ready, "verklaring")
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["counts"] == counts
    assert certificate["counts"]["failed"] == 0
    assert [row["backup"] for row in certificate["devices"][0]["readouts"]]
    ready.publish(out / "term.note")
    ready.pull()
    assert "VERIFIED" in ready.term_verify(out)
    her = Hers(ready.root, ready.server, device="laptop-b", serial=ready.serial)
    her.configure()
    her.enrol(more=("--custody", "2027-b"))
    opened(her, "2027-b", B, UNTIL, "laptop-b")
    her.pull()
    assert list((her.agent_home / "spool").iterdir()) == []
    phone = sources(her, phones, "2027-b", FIRST, "van haar")
    her.set_policy()
    her.once()
    her.pull()
    own = {custody: units(her, custody) for custody in ("default", "2027-b")}
    assert {row["device"] for row in own["default"]} == {"minister-laptop"}
    assert {row["device"] for row in own["2027-b"]} == {"laptop-b"}
    for person, text, other in ((A, "van hem", "laptop-b"), (B, "van haar", "minister-laptop")):
        seen = her.root / text
        term(her, "inzage", "--person", person, "--reason", "verzoek", "--content", out=seen)
        page = (seen / "index.html").read_text()
        assert "Agenda" in page
        assert other not in page
        assert other not in (seen / "units.csv").read_text() + (seen / "sources.csv").read_text()
    phone.status(made=LAST)  # a backup of his time, in her folder
    assert her.once()["sealed"] == her.status()["ledger"]["sealed"]
    assert her.status()["reasons"]["unknown-phone"] > 0
