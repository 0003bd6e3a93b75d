# SPDX-License-Identifier: EUPL-1.2
"""An auditor keeps a copy of the trail that the log proves, and that outlives the receiver."""

import hashlib
import json
from dataclasses import replace

import pytest

from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.tiles import decode_entries, encode_entries
from lakzegel_core.trail import peek_trail, sign_trail
from lakzegel_server.people.trailrows import State
from lakzegel_verify.__main__ import main
from lakzegel_verify.fetching import NotThereError
from lakzegel_verify.following import AlarmError
from lakzegel_verify.trailcopy import TrailCopy


def seal(world):
    return world.desk.trail.seal(world.desk.log, world.desk.sequencer)


@pytest.fixture
def sealed(world):
    """A receiver whose trail has two segments."""
    for name in ("one", "two"):
        world.enrol(name)
        assert seal(world)
    return world


@pytest.fixture
def copy(sealed, tmp_path, capsys):
    """Run the command; its exit code and what it said."""
    (tmp_path / "log.keys").write_text(
        "".join(f"{key.to_text()}\n" for key in (sealed.keys.ed25519, sealed.keys.mldsa))
    )
    token = tmp_path / "token"
    token.write_text(sealed.tokens["audit"] + "\n")

    def run(*more, url=sealed.client.url):
        keys = ["--keys", str(tmp_path / "log.keys"), "--token-file", str(token)]
        code = main(["trail", url, str(tmp_path / "copy"), *keys, *more])
        return code, capsys.readouterr()

    return run


def hostile(world, change):
    """What asks an honest receiver, and has one answer changed on the way."""
    auditor = world.as_("audit")

    def get(path, limit):
        answer = auditor("GET", f"/{path}")
        if answer.status_code in {404, 410}:
            raise NotThereError(path)
        assert answer.status_code == 200
        return change(path, answer.content)[:limit]

    return get


def test_a_copy_has_every_segment_as_the_log_tells_of_it_and_then_what_is_new(
    sealed, copy, tmp_path
):
    code, said = copy("--json")
    assert code == 0
    told = json.loads(said.out)
    assert (told["segments"], told["new"], told["lost"]) == (2, 2, [])
    for number in range(2):
        here = (tmp_path / "copy" / f"{number}.jsonl").read_bytes()
        assert here == sealed.layout.segment(number).read_bytes()
    sealed.desk.trail.flush()
    assert seal(sealed)  # that it was read is a record, too
    code, said = copy()
    assert code == 0
    assert "3 segments" in said.out
    assert ", 1 new" in said.out


def test_what_is_lost_at_the_receiver_and_kept_here_is_named_and_can_go_back(
    sealed, copy, tmp_path
):
    assert copy()[0] == 0
    lost = sealed.layout.segment(1).read_bytes()
    sealed.layout.segment(1).unlink()
    database = sealed.desk.trail._database
    with database.transaction() as change:
        change.execute("DELETE FROM trail_segments WHERE number = 1")
    sealed.desk.trail.take_back(sealed.desk.log)
    assert [s.state for s in sealed.desk.trail.segments()][1] is State.LOST
    code, said = copy("--json")
    assert code == 0
    assert json.loads(said.out)["returnable"] == [1]
    assert (tmp_path / "copy" / "1.jsonl").read_bytes() == lost


def test_what_neither_has_is_told_as_lost_and_what_follows_is_kept(sealed, tmp_path):
    def hides(path, data):
        if path == "v1/trail/0":
            raise NotThereError(path)
        return data

    copied = TrailCopy(hostile(sealed, hides), sealed.keys, made(tmp_path)).run()
    assert (copied.lost, copied.segments, copied.fresh) == ([0], 2, 1)
    assert TrailCopy(hostile(sealed, lambda _, data: data), sealed.keys, tmp_path).run().lost == []


def made(folder):
    folder.mkdir(exist_ok=True)
    return folder


def listing(change):
    """Have the list of segments changed."""

    def changed(path, data):
        if path != "v1/trail":
            return data
        told = json.loads(data)
        change(told["segments"])
        return json.dumps(told).encode()

    return changed


def swapped(rows):
    rows[0], rows[1] = rows[1], rows[0]


LIES = {
    "a record changed": lambda p, d: d.replace(b"admin-", b"other-") if p == "v1/trail/1" else d,
    "another entry named": listing(lambda rows: rows[0].update(entry="00" * 32)),
    "another place named": listing(lambda rows: rows[0].update(index=rows[1]["index"])),
    "an entry of another kind": listing(lambda rows: rows[0].update(index=0)),
    "segments swapped": listing(swapped),
    "the first left out": listing(lambda rows: rows.pop(0)),
    "no list": listing(lambda rows: rows.append("x")),
    "no number": listing(lambda rows: rows[0].update(index=-1)),
    "not JSON": lambda p, d: b"[" * 90_000 if p == "v1/trail" else d,
    "a checkpoint changed": lambda p, d: d.replace(b"\n", b"\n\n", 1) if "check" in p else d,
    "a tile changed": lambda p, d: bytes(len(d)) if p.startswith("log/tile/0") else d,
    "a bundle changed": lambda p, d: bytes(len(d)) if "entries" in p else d,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_receiver_that_lies_is_told_of_and_nothing_of_it_is_kept(sealed, tmp_path, lie):
    folder = made(tmp_path / "copy")
    with pytest.raises(AlarmError):
        TrailCopy(hostile(sealed, lie), sealed.keys, folder).run()
    for path in folder.glob("*.jsonl"):
        assert path.read_bytes() == sealed.layout.segment(int(path.stem)).read_bytes()


def forged(world, signer, **other):
    """Have segment 1 told of by a note that the log does not have."""
    true = world.desk.trail.segments()[1]
    note = sign_trail(replace(peek_trail(true.note), **other), signer)
    name = hashlib.sha256(note).hexdigest()
    renamed = listing(lambda rows: rows[1].update(entry=name))

    def change(path, data):
        if "entries" in path:
            width = world.client.checkpoint().checkpoint.size
            found = decode_entries(data, width=width)
            return encode_entries(note if entry == true.note else entry for entry in found)
        return renamed(path, data)

    return change


def test_an_entry_that_its_key_signed_and_the_log_does_not_have_is_not_believed(sealed, tmp_path):
    lie = forged(sealed, sealed.desk.trail._key, count=7)
    with pytest.raises(AlarmError, match="not proven to be in the log"):
        TrailCopy(hostile(sealed, lie), sealed.keys, made(tmp_path)).run()


def test_an_entry_by_another_key_or_of_another_number_is_not_believed(sealed, tmp_path):
    own = sealed.desk.trail._key
    other = SigningKey.from_seed(own.verifier.name, Algorithm.ED25519, bytes(32))
    for lie in (forged(sealed, other, key=other.verifier), forged(sealed, own, number=2)):
        with pytest.raises(AlarmError, match="the entry of segment 1 does not hold"):
            TrailCopy(hostile(sealed, lie), sealed.keys, made(tmp_path)).run()


def test_a_trail_that_became_shorter_is_a_rollback(sealed, copy, tmp_path):
    assert copy()[0] == 0
    shorter = hostile(sealed, listing(lambda rows: rows.pop()))
    with pytest.raises(AlarmError) as alarm:
        TrailCopy(shorter, sealed.keys, tmp_path / "copy").run()
    assert alarm.value.kind == "rollback"


def test_a_copy_that_was_changed_is_named_and_a_note_of_another_log_is_a_fork(copy, tmp_path):
    assert copy()[0] == 0
    path = tmp_path / "copy" / "0.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"admin-", b"other-"))
    code, said = copy()
    assert code == 1
    assert "0.jsonl: was changed" in said.err
    path.write_bytes(whole)
    note = tmp_path / "copy" / "1.note"
    note.write_bytes(note.read_bytes().replace(b"count ", b"count 1", 1))
    code, said = copy("--json")
    assert code == 1
    assert json.loads(said.out)["status"] == "fork"
    kept = list((tmp_path / "copy" / "trail.evidence").iterdir())
    assert {path.name for path in kept} >= {hashlib.sha256(note.read_bytes()).hexdigest()}


def test_a_token_of_another_role_gets_nothing_and_none_is_sent_in_the_clear(sealed, copy, tmp_path):
    code, said = copy(url="http://receiver.example")
    assert code == 2
    assert "over https:// only" in said.err
    (tmp_path / "token").write_text(sealed.tokens["it"])
    code, said = copy()
    assert code == 3
    assert "403" in said.err
    (tmp_path / "token").write_text("two words\n")
    assert copy()[0] == 2
