# SPDX-License-Identifier: EUPL-1.2
"""What a mail bears is known to the office, and to nobody on the way there but as a number."""

import base64
import json
import os
import zipfile

MARKING = "Stg. ZEER GEHEIM"
NUMBER = "111222333"
GUARDS = '[guards]\ndefault = "off"\n'
ON = GUARDS + 'classified-markings = "report"\ncitizen-numbers = "report"\n'
HEAD = "From: a@minxyz.example\nTo: b@minxyz.example\nSubject: nota\n"


def plant(folder):
    (folder / "cur").mkdir(parents=True, exist_ok=True)
    coded = base64.encodebytes(f"{MARKING}\n\nHierbij de nota.".encode()).decode()
    mails = {
        "1.host:2,S": f"{HEAD}\nGoedemorgen, morgen om tien uur.\n",
        "2.host:2,S": f"{HEAD}Content-Transfer-Encoding: base64\n\n{coded}",
        "3.host:2,S": f"{HEAD}\nZijn BSN is {NUMBER}.\n",
    }
    for name, mail in mails.items():
        (folder / "cur" / name).write_text(mail)


def labels(world):
    rows = world.office("list", "--label", "any", "--json").stdout.splitlines()
    return {row["context"]["path"]: row for row in map(json.loads, rows)}


def stated(world, guard):
    said = [row["payload"] for row in world.items("observation")]
    return [one for one in said if one["type"] == "guard" and one["guard"] == guard]


def spellings(text):
    raw = text.encode()
    yield from (raw, text.encode("utf-16-le"), raw.hex().encode())
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


def shown_in(*places):
    """The places that show a marking or a number, as files below folders or as texts."""
    needles = [form for text in (MARKING, NUMBER) for form in spellings(text)]
    for place in places:
        if isinstance(place, str):
            texts = {"said": place.encode()}
        else:
            files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
            texts = {str(p): os.fsencode(p) + p.read_bytes() for p in files}
        yield from (name for name, data in texts.items() if any(n in data for n in needles))


def test_the_office_finds_the_label_on_exactly_the_right_mails(world):
    world.more = ON
    plant(world.watch("maildir", world.root / "device" / "Mail"))
    world.ready()
    world.once()
    world.pull()
    world.verify("--quiet")
    found = labels(world)
    assert {path: row["labels"] for path, row in found.items()} == {
        "cur/2.host:2,S": ["classified"],
        "cur/3.host:2,S": ["citizen-number"],
    }
    for guard, path in (("classified-markings", "2"), ("citizen-numbers", "3")):
        (said,) = stated(world, guard)
        epoch, batch, index = said["after"]["items"][0]
        item = found[f"cur/{path}.host:2,S"]["item"]
        assert item == f"minister-laptop/{epoch}/{batch}/{index}"
        assert (said["state"], said["reason"], said["after"]["count"]) == ("drifted", "found", 1)
        shown = json.loads(world.office("show", item).stdout)
        assert shown["labels"] == found[f"cur/{path}.host:2,S"]["labels"]
    restored = world.restore()
    assert len([p for p in restored.rglob("*") if p.name.endswith(".host:2,S")]) == 3


def test_no_marking_and_no_number_is_readable_on_the_way(world):
    world.more = ON
    mail = world.watch("maildir", world.root / "device" / "Mail")
    plant(mail)
    world.ready()
    spoken = world.agent("once").stdout
    for command in (["status"], ["status", "--json"], ["guards"], ["guards", "--json"]):
        spoken += world.agent(*command, expect=None).stdout
    world.agent("diagnostics", world.root / "lakzegel.zip")
    with zipfile.ZipFile(world.root / "lakzegel.zip") as archive:
        spoken += "".join(archive.read(name).decode() for name in archive.namelist())
    rows = {row["id"]: row for row in world.status()["guards"]}
    assert rows["classified-markings"]["reasons"] == {"found": 1}
    assert rows["citizen-numbers"]["reasons"] == {"found": 1}
    assert "cur/" not in spoken + json.dumps(rows)
    world.server.stop()
    log = world.server.data.parent / "server.log"
    assert list(shown_in(mail)) != []  # it is there to be found
    assert list(shown_in(spoken, world.agent_home, world.server.data, log)) == []


def test_turned_off_again_nothing_is_looked_for_and_the_count_begins_anew(world):
    world.more = ON
    mail = world.watch("maildir", world.root / "device" / "Mail")
    world.ready()
    plant(mail)
    world.once()
    world.more = GUARDS
    world.set_policy()
    world.once()
    (mail / "cur" / "4.host:2,S").write_text(f"{HEAD}\n{MARKING}\n")
    world.once()
    assert [r["id"] for r in world.status()["guards"]] == []
    world.pull()
    assert "cur/4.host:2,S" not in labels(world)
    world.more = ON
    world.set_policy()
    world.once()
    assert {row["state"] for row in world.status()["guards"]} == {"compliant"}
    (mail / "cur" / "5.host:2,S").write_text(f"{HEAD}\n{MARKING}\n")
    world.once()
    world.pull()
    assert sorted(labels(world)) == [f"cur/{n}.host:2,S" for n in (2, 3, 5)]
