# SPDX-License-Identifier: EUPL-1.2
"""Everything that is not an upload: notes, the device's question, witnesses, annexes, tiles."""

import base64
import hashlib
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.finding import Finding, sign_finding
from lakzegel_core.hold import HOLD, Mark, sign_mark
from lakzegel_core.merkle import leaf_hash, verify_consistency, verify_inclusion
from lakzegel_core.tiles import decode_entries, encode_entries, split_tile
from lakzegel_server.sequencer import TICK_SECONDS

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def code(answer):
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def asked(world, device, *, key=None, old=0):
    answer = world.client("POST", f"/v1/device?old={old}", device.query(key))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    signed = open_checkpoint(base64.b64decode(found["checkpoint"]), world.keys)
    notes = {}
    for entry in found["entries"]:
        note = base64.b64decode(entry["note"])
        verify_inclusion(
            index=entry["index"],
            size=signed.checkpoint.size,
            leaf=leaf_hash(note),
            proof=[base64.b64decode(h) for h in entry["path"]],
            root=signed.checkpoint.root,
        )
        notes[entry["role"]] = note
    indices = [entry["index"] for entry in found["entries"]]
    assert indices == sorted(indices)
    return found, signed.checkpoint, notes


def test_a_device_hears_everything_that_concerns_it_with_proofs(world, device):
    annex = os.urandom(300)
    name = hashlib.sha256(annex).hexdigest()
    records, admin = world.as_("records"), world.as_("admin")
    assert records("PUT", f"/v1/annexes/{name}", annex).status_code == 204
    digest = base64.b64encode(bytes.fromhex(name)).decode()
    policy = world.office.policy_note(1, "device:minister", annexes={"minister": digest})
    assert admin("POST", "/v1/notes", policy).status_code == 200
    before = world.client.checkpoint().checkpoint
    assert world.client("POST", "/v1/held", world.office.held_note(before)).status_code == 204
    upload = device.seal()
    world.client.put(upload)
    revoked = world.office.revocation("minister", batch=0)
    assert admin("POST", "/v1/notes", revoked).status_code == 200
    found, tree, notes = asked(world, device, old=before.size)
    assert notes == {
        "delegation": next(iter(world.desk.log.store.entries(0, 1))),
        "enrolment": device.enrolment,
        "header": upload.note,
        "policy": policy,
        "revocation": revoked,
    }
    proof = [base64.b64decode(h) for h in found["consistency"]]
    sizes = {"old_size": before.size, "new_size": tree.size}
    verify_consistency(**sizes, old_root=before.root, new_root=tree.root, proof=proof)
    assert base64.b64decode(found["annex"]) == annex
    assert base64.b64decode(found["held"]["note"]) == world.office.held_note(before)
    held = [base64.b64decode(h) for h in found["held"]["consistency"]]
    verify_consistency(**sizes, old_root=before.root, new_root=tree.root, proof=held)


def test_before_it_enrols_a_device_asks_with_its_token(world, kit):
    device = kit.unsealed_device(world.office, "nieuw", world.client.checkpoint().checkpoint)
    assert code(world.client("POST", "/v1/device", device.query(device.token))) == (
        403,
        "not-admitted",
    )
    world.as_("admin")("POST", "/v1/notes", device.admission)
    found, _, notes = asked(world, device, key=device.token)
    assert set(notes) == {"delegation", "admission"}
    assert (found["annex"], found["held"], found["consistency"]) == (None, None, [])


def test_a_token_tells_nothing_of_another_device(world, device, kit):
    other = kit.unsealed_device(world.office, "ander", world.client.checkpoint().checkpoint)
    world.as_("admin")("POST", "/v1/notes", other.admission)
    question = device.query(other.token)
    assert code(world.client("POST", "/v1/device", question)) == (403, "not-admitted")


def test_a_question_signed_by_a_stranger_is_refused(world, device, kit):
    question = device.query(kit.new_key(f"{kit.ORIGIN}/minister/0/header"))
    assert code(world.client("POST", "/v1/device", question)) == (403, "unknown-key")


def test_a_device_that_saw_more_than_there_is_hears_of_a_rollback(world, device):
    answer = world.client("POST", "/v1/device?old=999", device.query())
    assert code(answer) == (409, "consistency")
    assert code(world.client("POST", "/v1/device?old=x", device.query())) == (400, "format")


def test_an_enrolment_under_a_used_up_admission_is_refused_and_recorded(world, device, kit):
    again = kit.unsealed_device(
        world.office,
        "minister",
        world.client.checkpoint().checkpoint,
        admission=device.admission,
        token=device.token,
    )
    answer = world.client("POST", "/v1/notes", again.enrolment)
    assert answer.status_code in {403, 409}
    name = hashlib.sha256(again.enrolment).hexdigest()
    assert world.desk.register.refusals()[-1] == ("minister", code(answer)[1], name)


def test_an_enrolment_that_saw_another_log_is_refused(world, kit):
    tree = Checkpoint(kit.ORIGIN, 1, os.urandom(32))
    device = kit.unsealed_device(world.office, "nieuw", tree)
    world.as_("admin")("POST", "/v1/notes", device.admission)
    assert code(world.client("POST", "/v1/notes", device.enrolment)) == (409, "root-mismatch")


def test_what_is_older_than_the_log_is_refused_as_a_replay(world, device):
    admin = world.as_("admin")
    mark = Mark(HOLD, world.desk.log.origin, "woo-2027-014", "on", None, START)
    on, off = (
        sign_mark(replace(mark, state=state, at=at), world.office.approval[0])
        for state, at in (("on", START), ("off", START + timedelta(days=1)))
    )
    assert admin("POST", "/v1/notes", off).status_code == 200
    assert code(admin("POST", "/v1/notes", on)) == (409, "replay")
    world.client.put(device.seal())
    assert admin("POST", "/v1/notes", world.office.revocation("minister")).status_code == 200
    later = world.office.revocation("minister", batch=0)
    assert code(admin("POST", "/v1/notes", later)) == (409, "replay")


def test_an_entry_that_the_index_lost_is_damage_and_no_replay(world, device):
    row = (
        world.desk.register.index_of(hashlib.sha256(device.admission).digest()),
        hashlib.sha256(device.admission).digest(),
    )
    database = sqlite3.connect(world.layout.database, isolation_level=None)
    database.execute("DELETE FROM entries WHERE idx = ?", row[:1])
    again = world.as_("admin")("POST", "/v1/notes", device.admission)
    assert code(again) == (503, "damage")
    database.execute("INSERT INTO entries VALUES (?, ?)", row)
    database.close()


def test_a_batch_header_is_no_note_to_publish(world, device):
    upload = device.seal()
    assert code(world.as_("admin")("POST", "/v1/notes", upload.note)) == (422, "misplaced")


def test_a_note_of_the_wrong_signer_changes_nothing(world, kit):
    stranger = kit.Office()
    note = stranger.policy_note(1, "group:x")
    assert code(world.as_("admin")("POST", "/v1/notes", note)) == (403, "unknown-key")
    assert world.client.checkpoint().checkpoint.size == 1


def test_larger_bodies_than_a_route_takes_are_refused_before_they_are_read(world):
    admin = world.as_("admin")
    assert code(admin("POST", "/v1/notes", b"x" * 65_536)) == (413, "limit")
    chunked = (b"x" * 1000 for _ in range(100))
    assert code(admin("POST", "/v1/notes", chunked)) == (413, "limit")
    records = world.as_("records")
    annex = b"x" * (2**20 + 1)
    name = hashlib.sha256(annex).hexdigest()
    assert code(records("PUT", f"/v1/annexes/{name}", annex)) == (413, "limit")


def test_the_offices_cosignatures_are_shown_with_the_newest_checkpoint(world, kit):
    signed = world.client.checkpoint()
    for key in (world.office.witness, world.office.mirror):
        answer = world.client("POST", "/v1/cosignatures", kit.cosigned(signed, key))
        assert answer.status_code == 204
    witnesses = [world.office.witness.verifier, world.office.mirror.verifier]
    shown = open_checkpoint(
        world.client("GET", "/log/checkpoint").content, world.keys, witnesses=witnesses
    )
    assert [c.key for c in shown.cosignatures] == witnesses


def test_a_devices_cosignature_is_kept_apart_and_the_newest_one(world, device, kit):
    older = world.client.checkpoint()
    world.client.put(device.seal())
    newer = world.client.checkpoint()
    for signed in (newer, older):
        note = kit.cosigned(signed, device.witness)
        assert world.client("POST", "/v1/cosignatures", note).status_code == 204
    assert world.desk.register.cosignature("minister")[0] == newer.checkpoint.size
    assert world.client.checkpoint().data == newer.data


class Unwalked(dict):
    """Devices that nobody may go through one by one, however many there are."""

    def values(self):
        raise AssertionError("somebody went through all devices")

    __iter__ = items = keys = values


def test_a_cosignature_is_taken_and_the_receivers_page_shown_without_a_look_at_all_devices(
    world, kit, monkeypatch
):
    devices = [world.enrol(f"laptop-{number}") for number in range(3)]
    signed = world.client.checkpoint()
    with world.desk.log.looking() as custody:
        monkeypatch.setattr(custody, "devices", Unwalked(custody.devices))
    for device in devices:
        note = kit.cosigned(signed, device.witness)
        assert world.client("POST", "/v1/cosignatures", note).status_code == 204
    for name in (devices[0].witness.verifier.name, "a.example/nobody/0/witness", "b.example"):
        stranger = kit.SigningKey.from_seed(name, kit.Algorithm.ED25519_COSIGNATURE, bytes(32))
        answer = world.client("POST", "/v1/cosignatures", kit.cosigned(signed, stranger))
        assert code(answer) == (403, "unknown-key")
    assert world.as_("it")("GET", "/receiver").status_code == 200
    monkeypatch.undo()


def test_cosignatures_of_strangers_and_of_other_logs_are_refused(world, kit):
    signed = world.client.checkpoint()
    stranger = kit.new_key("x.example/w", kit.Algorithm.ED25519_COSIGNATURE)
    note = kit.cosigned(signed, stranger)
    assert code(world.client("POST", "/v1/cosignatures", note)) == (403, "unknown-key")
    tree = Checkpoint(kit.ORIGIN, 1, os.urandom(32))
    line = kit.cosign(tree, world.office.witness, now=1)
    note = kit.Note(tree.to_text(), (line,)).to_bytes()
    assert code(world.client("POST", "/v1/cosignatures", note)) == (409, "root-mismatch")


def test_the_largest_held_statement_is_kept(world, device):
    assert world.client("GET", "/v1/held").status_code == 404
    small = world.client.checkpoint().checkpoint
    world.client.put(device.seal())
    large = world.client.checkpoint().checkpoint
    for tree in (large, small):
        assert world.client("POST", "/v1/held", world.office.held_note(tree)).status_code == 204
    assert world.client("GET", "/v1/held").content == world.office.held_note(large)
    other = Checkpoint(large.origin, large.size, os.urandom(32))
    answer = world.client("POST", "/v1/held", world.office.held_note(other))
    assert code(answer) == (409, "root-mismatch")


def test_annexes_are_kept_under_their_digest(world):
    records = world.as_("records")
    name = hashlib.sha256(b"annex").hexdigest()
    assert code(records("PUT", f"/v1/annexes/{name}", b"other")) == (422, "digest-mismatch")
    assert records("GET", f"/v1/annexes/{name}").status_code == 404
    assert records("PUT", f"/v1/annexes/{name}", b"annex").status_code == 204
    assert records("PUT", f"/v1/annexes/{name}", b"annex").status_code == 204
    assert records("GET", f"/v1/annexes/{name}").content == b"annex"


def test_a_partial_tile_that_grew_is_still_served(world, device):
    entries = [world.client.put(device.seal()).status_code for _ in range(3)]
    assert entries == [200] * 3
    world.desk.log.settle()
    assert not (world.data / "log/tile/0/000.p/3").exists()
    tile = world.client("GET", "/log/tile/0/000.p/3")
    assert tile.headers["content-type"] == "application/octet-stream"
    bundle = world.as_("audit")("GET", "/log/tile/entries/000.p/3")
    hashes = [leaf_hash(entry) for entry in decode_entries(bundle.content, width=3)]
    assert split_tile(tile.content, width=3) == hashes


@pytest.mark.parametrize(
    "path",
    [
        "0/000.p/4",
        "0/001",
        "7/000",
        "0/000.p/0",
        "0/00",
        "entries/",
        "x",
        "0//000.p/1",
        "0%2f..%2f0/000.p/1",
    ],
)
def test_tiles_that_are_not_there_are_not_found(world, path):
    assert world.as_("audit")("GET", f"/log/tile/{path}").status_code == 404


def test_what_another_process_publishes_is_shown_and_counts(world, tmp_path):
    from lakzegel_server.__main__ import main  # noqa: PLC0415 - only here

    note = tmp_path / "note"
    note.write_bytes(world.office.policy_note(1, "group:x"))
    assert main(["publish", "--data", str(world.data), str(note)]) == 0
    assert world.client.checkpoint().checkpoint.size == 2
    assert TICK_SECONDS < 1


def test_a_file_of_many_notes_is_published_in_order_and_twice_is_once(world, tmp_path, capsys):
    from lakzegel_server.__main__ import main  # noqa: PLC0415 - only here

    path = tmp_path / "many"
    notes = [world.office.policy_note(n, f"group:g{n}") for n in range(1, 4)]
    path.write_bytes(encode_entries(notes))
    publish = ["publish", "--data", str(world.data), str(path)]
    assert [main(publish), main(publish)] == [0, 0]
    assert capsys.readouterr().out == "3 notes, 1 to 3\n" * 2
    path.write_bytes(encode_entries([world.office.policy_note(4, "group:g1"), b"x", notes[0]]))
    assert main(publish) == 1
    path.write_bytes(encode_entries([world.office.policy_note(4, "group:g1"), notes[0] + b"x"]))
    assert main(publish) == 1
    assert "1 of 2 notes are in the log" in capsys.readouterr().err
    assert world.client.checkpoint().checkpoint.size == 5


NOTES = {
    "delegation": lambda office: office.delegation(2),
    "policy": lambda office: office.policy_note(1, "group:x"),
    "finding": lambda office: sign_finding(
        Finding("log.example/test", "x", 0, 0, bytes(32), "decrypt", (), None, AT), office.held
    ),
    "hold": lambda office: sign_mark(
        Mark(HOLD, "log.example/test", "woo-1", "on", None, AT), office.approval[0]
    ),
}
AT = __import__("datetime").datetime(2026, 11, 24, tzinfo=__import__("datetime").UTC)
ALLOWED = {"finding": {"records", "admin"}}


@pytest.mark.parametrize("kind", NOTES)
def test_each_kind_of_note_is_for_its_roles_alone(world, kind):
    note = NOTES[kind](world.office)
    allowed = ALLOWED.get(kind, {"admin"})
    for role in (None, "it", "records", "admin", "audit"):
        asker = world.as_(role) if role else world.client
        wanted = 200 if role in allowed else 403 if role else 401
        assert asker("POST", "/v1/notes", note).status_code == wanted, role


def test_an_unknown_token_is_no_login(world):
    for token in ("", "records-person", "records-person.", "records-person.AAAA", "x" * 500):
        asker = world.client.as_(token or "-")
        assert code(asker("GET", f"/v1/keyrings/{'0' * 64}")) == (401, "denied")
    name, _, secret = world.tokens["records"].partition(".")
    asker = world.client.as_(f"{name}.{secret[:-1]}{'A' if secret[-1] != 'A' else 'Q'}")
    assert asker("GET", f"/v1/keyrings/{'0' * 64}").status_code == 401


def test_content_is_in_no_answer_and_no_log(world, device, caplog):
    upload = device.seal([b"KANARIE in de inhoud"])
    world.client.put(upload)
    world.client("PUT", f"/v1/batches/{upload.name}", b"KANARIE")
    assert "KANARIE" not in caplog.text
    for path in Path(world.data).rglob("*"):
        assert not path.is_file() or b"KANARIE" not in path.read_bytes()
