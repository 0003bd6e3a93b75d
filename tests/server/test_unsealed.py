# SPDX-License-Identifier: EUPL-1.2
"""What was under way when a receiver ended is known from a note, not from a look at every name."""

import os
import threading

import pytest

from lakzegel_server import durable
from lakzegel_server.fsck.run import check
from lakzegel_server.sweeping import CHORE, Sweeping
from lakzegel_server.unsealed import RECORD, Unsealed, read_names

NAMES = [f"{number:064x}" for number in range(100)]


@pytest.fixture
def note(tmp_path):
    """Of a receiver on whose disk nothing lies yet."""
    (tmp_path / "unsealed").touch()
    return opened(tmp_path)


def opened(folder):
    path = folder / "unsealed"
    return Unsealed(path, folder, read_names(path))


def put(note, names):
    with note.noting(names) as noted:
        noted()


def test_what_is_under_way_is_in_the_file_and_places_are_used_again(note, tmp_path):
    for name in NAMES:
        put(note, [name])
        assert name in read_names(tmp_path / "unsealed")
        note.forget([name])
    assert (tmp_path / "unsealed").stat().st_size == RECORD
    put(note, NAMES)
    assert opened(tmp_path).left == NAMES
    note.forget(NAMES)
    note.close()
    assert (tmp_path / "unsealed").read_bytes() == b""


def test_a_name_is_durable_before_the_first_file_has_its_own(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(durable, "sync_files", lambda paths: done.extend(map(str, paths)))
    monkeypatch.setattr(durable, "sync_folder", lambda folder: done.append(str(folder)))
    work, path = tmp_path / "work", tmp_path / "batch"
    work.touch()

    def before():
        assert not path.exists()
        done.append("noted")

    durable.settle([(work, path)], before)
    assert path.exists()
    assert set(done[:2]) == {str(work), "noted"}


def test_what_cannot_be_noted_gets_no_name(tmp_path):
    work, path = tmp_path / "work", tmp_path / "batch"
    work.touch()

    def before():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        durable.settle([(work, path)], before)
    assert not path.exists()


@pytest.mark.parametrize(
    "data", [b"\0" * RECORD, b"x" * RECORD, f"{NAMES[0]}\n{NAMES[1].replace('1', 'G')}\n".encode()]
)
def test_a_note_that_is_damaged_is_none(tmp_path, data):
    (tmp_path / "unsealed").write_bytes(data)
    assert not opened(tmp_path).is_known


def test_what_was_cut_off_was_never_durable_and_is_no_damage(tmp_path):
    (tmp_path / "unsealed").write_text(f"{NAMES[0]}\n{NAMES[1][:20]}")
    assert opened(tmp_path).left == NAMES[:1]


def test_a_note_that_is_taken_away_makes_it_look_at_all_once_more(note, tmp_path):
    (tmp_path / "unsealed").unlink()
    put(note, NAMES[:3])
    assert not note.is_known
    note.keep()
    assert note.is_known
    assert opened(tmp_path).left == NAMES[:3]


def test_what_comes_again_is_the_senders_to_seal_or_take_away(tmp_path):
    (tmp_path / "unsealed").write_text(f"{NAMES[1]}\n")
    note = opened(tmp_path)
    put(note, NAMES[1:2])
    assert note.left == []
    with note.looking_at(NAMES[1]) as is_free:
        assert not is_free


def test_whoever_sends_what_is_being_taken_away_waits_for_that(tmp_path):
    (tmp_path / "unsealed").write_text(f"{NAMES[1]}\n")
    note, noted = opened(tmp_path), threading.Event()

    def send():
        put(note, NAMES[1:2])
        noted.set()

    sender = threading.Thread(target=send)
    with note.looking_at(NAMES[1]) as is_free:
        assert is_free
        sender.start()
        put(note, NAMES[:1])  # others go on
        assert not noted.wait(0.05)
    assert noted.wait(10)
    sender.join()


def lay(layout, names):
    for name in names:
        layout.batch(name).write_bytes(b"never sealed")
        layout.keyring(name).write_bytes(b"never sealed")


def counted(monkeypatch, layout):
    """How many names of folders were read from now on."""
    count, scan = [0], os.scandir

    class Scan:
        def __init__(self, folder):
            self._found = scan(folder)

        def __enter__(self):
            self._found.__enter__()
            return self

        def __exit__(self, *error):
            self._found.close()

        def __iter__(self):
            return self

        def __next__(self):
            one = next(self._found)
            count[0] += 1
            return one

        def close(self):
            self._found.close()

    names = os.listdir

    def listdir(*folder):
        found = names(*folder)
        count[0] += len(found)
        return found

    monkeypatch.setattr(os, "scandir", Scan)
    monkeypatch.setattr(os, "listdir", listdir)
    return count


def test_a_start_reads_as_many_names_of_a_long_log_as_of_a_short_one(tmp_path, kit, monkeypatch):
    found = []
    for size in (30, 300):
        layout, signer, _ = kit.make_receiver(tmp_path / f"data{size}", kit.Office())
        lay(layout, (f"{number:064x}" for number in range(1, size)))  # sealed, for all it knows
        lay(layout, NAMES[:1])
        layout.unsealed.write_text(f"{NAMES[0]}\n")
        with monkeypatch.context() as patched:
            count = counted(patched, layout)
            with kit.serving(layout, signer):
                assert not layout.batch(NAMES[0]).exists()
                assert not layout.keyring(NAMES[0]).exists()
                assert layout.batch(NAMES[1]).exists()
        found.append(count[0])
    assert found[0] == found[1]


def test_without_a_note_all_is_looked_at_while_batches_are_sealed(world, device, monkeypatch):
    desk, layout = world.desk, world.layout
    sealed = device.seal()
    world.receipt(world.client.put(sealed), sealed)
    coming = device.seal()
    lay(layout, NAMES)
    layout.unsealed.unlink()
    unsealed = Unsealed.open(layout)
    sweeping = Sweeping(layout, desk.log, desk.register, unsealed)
    sweeping.before_sealing()
    lay(layout, [coming.name])
    with unsealed.noting([coming.name]) as noted:  # between its name and its entry
        noted()
        sweeping.look_at_all()
    left = {path.name.partition(".")[0] for path in layout.batches.iterdir()}
    assert left == {sealed.name, coming.name}
    assert unsealed.is_known
    assert read_names(layout.unsealed) == [coming.name]
    world.receipt(world.client.put(coming), coming)  # over what lies there already


def test_what_is_cut_off_while_it_looks_at_all_begins_anew(world, monkeypatch):
    layout, desk = world.layout, world.desk
    lay(layout, NAMES)
    layout.unsealed.unlink()
    unsealed = Unsealed.open(layout)
    sweeping = Sweeping(layout, desk.log, desk.register, unsealed)
    sweeping.before_sealing()
    going = iter([True] * 20)
    monkeypatch.setattr(sweeping, "_may_go_on", lambda: next(going, False))
    sweeping.look_at_all()
    assert not unsealed.is_known
    assert not layout.unsealed.exists()
    monkeypatch.undo()
    sweeping.look_at_all()
    assert list(layout.batches.iterdir()) == []
    assert layout.unsealed.read_bytes() == b""


def test_a_receiver_without_a_note_sweeps_by_itself(tmp_path, kit):
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    lay(layout, NAMES)
    layout.unsealed.unlink()
    with kit.serving(layout, signer) as (_, desk):
        chore = desk.chores[CHORE]
        while not layout.unsealed.exists():
            chore.wake()
            assert chore.alive
            threading.Event().wait(0.01)
    assert check(layout).doubts == ()


@pytest.mark.parametrize("size", [100, 2**17])
def test_what_the_disk_does_not_keep_the_note_of_gets_no_name(world, device, monkeypatch, size):
    upload = device.seal([os.urandom(size)])
    with monkeypatch.context() as broken:
        broken.setattr(durable, "sync_data", fail)
        assert world.client.put(upload).status_code == 507
        assert list(world.layout.batches.iterdir()) == []
    world.receipt(world.client.put(upload), upload)


def test_a_refused_batch_leaves_its_place_in_the_note(world, device, monkeypatch):
    upload = device.seal(advance=False)
    monkeypatch.setattr(world.desk.log, "append", fail)
    assert world.client.put(upload).status_code == 507
    assert set(read_names(world.layout.unsealed)) <= {upload.name}
    monkeypatch.undo()
    for _ in range(3):
        sealed = device.seal()
        world.receipt(world.client.put(sealed), sealed)
    assert world.layout.unsealed.stat().st_size == RECORD


def fail(_):
    raise OSError(28, "No space left on device")
