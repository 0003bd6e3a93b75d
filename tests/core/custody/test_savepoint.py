# SPDX-License-Identifier: EUPL-1.2
"""A replay that goes on from a savepoint is the replay of everything; a wrong one is refused."""

import hashlib
import random

import pytest
from walks import Walk

from lakzegel_core import entries, savepoint
from lakzegel_core.custody import Custody
from lakzegel_core.errors import (
    ChainError,
    ConsistencyError,
    DigestMismatchError,
    ForkError,
    FormatError,
    LakzegelError,
    LimitError,
    NotAdmittedError,
    RevokedError,
    RootMismatchError,
    SignatureError,
)
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_core.savepoint import Savepoint, restore

ORIGIN = "log.example/test"
SEEDS = range(3)


def everything(custody):
    """Every field of a custody; what is looked up by name has no order."""
    state = {name: value for name, value in vars(custody).items() if name not in _NOT_STATE}
    state["register"] = (custody.register._by_public, custody.register._by_id)
    state["kept"] = (savepoint.matter(custody), custody.kept.findings, custody.kept.others)
    state["by_token"] = custody.admissions._by_token
    state["followed"] = {name: custody.policy_for(name) for name in custody.devices}
    return state


_NOT_STATE = {"_checkers", "_chains"}


class Replayed:
    """A log, replayed up to some size."""

    def __init__(self, notes, pinned):
        self.notes, self.pinned = notes, pinned
        self.custody = Custody.start(ORIGIN, pinned=pinned, threshold=2)
        self.edge = Frontier()

    def to(self, size):
        for note in self.notes[self.custody.size : size]:
            self.custody.apply(note)
            self.edge.append(leaf_hash(note))
        return self

    def savepoint(self):
        return Savepoint.of(self.custody, self.edge, self.notes.__getitem__)


def walked(parts, seed, steps):
    walk = Walk(parts, random.Random(seed))
    return Replayed(walk.go(steps), [key.verifier for key in walk.office.policy])


def restored(data, log, **more):
    given = {"origin": ORIGIN, "pinned": log.pinned, "threshold": 2} | more
    return restore([data[i : i + 700] for i in range(0, len(data), 700)], **given)


@pytest.fixture(scope="module")
def log(parts):
    return walked(parts, 8, 50).to(50)


@pytest.fixture(scope="module")
def whole(log):
    return log.savepoint().to_bytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_goes_on_from_any_cut_as_if_it_had_begun_at_the_beginning(parts, seed):
    log = walked(parts, seed, 80)
    end = everything(Replayed(log.notes, log.pinned).to(80).custody)
    for cut in (0, *sorted(random.Random(seed).sample(range(1, 81), 4))):
        found = restored(log.to(cut).savepoint().to_bytes(), log)

        assert everything(found.custody) == everything(log.custody), cut
        assert found.edge.to_hashes() == log.edge.to_hashes()
        for note in log.notes[cut:]:
            found.custody.apply(note)
        assert everything(found.custody) == end, cut


def test_the_logs_that_this_tries_hold_every_kind_of_entry(parts):
    kinds = {entries.kind_of(n) for seed in SEEDS for n in walked(parts, seed, 80).notes}

    assert kinds == set(entries.KINDS)


def test_a_savepoint_of_a_savepoint_is_that_of_the_log(log, whole):
    found = restored(whole, log)
    kept = dict(savepoint.entries_of([whole]))

    assert Savepoint.of(found.custody, found.edge, kept.__getitem__).to_bytes() == whole


def test_it_holds_no_batch_but_the_newest_of_each_epoch_and_asks_in_rising_order(parts):
    world = parts.World()
    device = world.enrol()
    sent = [world.send(device) for _ in range(40)]
    log = Replayed(world.notes, None).to(len(world.notes))
    asked = []
    made = Savepoint.of(log.custody, log.edge, lambda i: asked.append(i) or log.notes[i])

    made.to_bytes()

    assert asked == sorted(asked)
    assert [n for n in map(log.notes.__getitem__, asked) if n in sent] == [sent[-1]]
    assert len(asked) == 4


def test_what_may_not_follow_the_log_may_not_follow_a_savepoint_of_it(parts):
    world = parts.World()
    device = world.enrol()
    for _ in range(3):
        world.send(device)
    change = world.office.keyring_change
    for number in (1, 2):
        note = change("laptop-1", number, old=b"%d" % (number - 1), new=b"%d" % number)
        world.apply(note)
    log = Replayed(world.notes, None).to(len(world.notes))
    found = restored(log.savepoint().to_bytes(), log).custody

    for note, error in (
        (world.notes[-1], LakzegelError),
        (device.header(batch=device.batch - 1, items=7), ForkError),
        (device.header(batch=device.batch + 1), ChainError),
        (device.header(previous=bytes(32)), ChainError),
        (change("laptop-1", 2, old=b"1", new=b"x"), ChainError),
        (change("laptop-1", 3, old=b"other", new=b"x"), ForkError),
    ):
        with pytest.raises(error):
            found.apply(note)
    found.apply(change("laptop-1", 3, old=b"2", new=b"3"))
    found.apply(device.header())


def cut_up(whole):
    """Head, and entries with their indices."""
    return savepoint.peek([whole]), list(savepoint.entries_of([whole]))


def made(head, kept, **changes):
    """A savepoint of any entries, with a digest that belongs to it."""
    fields = {name: getattr(head, name) for name in head.__dataclass_fields__}
    fields |= {"entries": len(kept)} | changes
    body = savepoint.Head(**fields).to_text() + b"\n"
    for index, entry in kept:
        body += index.to_bytes(8, "big") + len(entry).to_bytes(2, "big") + entry
    return body + hashlib.sha256(body).digest()


def test_whichever_entry_is_left_out_it_is_refused(log, whole):
    head, kept = cut_up(whole)
    assert made(head, kept) == whole
    for place in range(len(kept)):
        with pytest.raises(LakzegelError):
            restored(made(head, kept[:place] + kept[place + 1 :]), log)


def test_an_entry_that_another_one_superseded_is_refused(log, whole):
    head, kept = cut_up(whole)
    there = {index for index, _ in kept}
    for index in sorted(set(range(50)) - there):
        with pytest.raises(LakzegelError):
            restored(made(head, sorted([*kept, (index, log.notes[index])])), log)


def test_an_older_link_in_the_place_of_the_newest_is_refused(parts):
    world = parts.World()
    device = world.enrol()
    older = [world.send(device) for _ in range(5)][3]
    log = Replayed(world.notes, None).to(len(world.notes))
    head, kept = cut_up(log.savepoint().to_bytes())

    with pytest.raises(ChainError, match="speak of a log of 7 entries, and it is of 8"):
        restored(made(head, [*kept[:-1], (kept[-1][0], older)]), log)


def test_entries_that_changed_places_are_refused(log, whole):
    head, kept = cut_up(whole)
    for place in range(0, len(kept) - 1, 4):
        (first, one), (second, other) = kept[place], kept[place + 1]
        swapped = [*kept[:place], (second, one), (first, other), *kept[place + 2 :]]
        with pytest.raises(FormatError):
            restored(made(head, swapped), log)


def test_a_forged_newest_batch_of_a_device_is_refused(parts):
    world = parts.World()
    device = world.enrol()
    stranger = parts.make_key(device.header_key.verifier.name, salt="stranger")
    forged = device.header(signer=stranger)
    sent = world.send(device)
    log = Replayed(world.notes, None).to(len(world.notes))
    head, kept = cut_up(log.savepoint().to_bytes())

    assert kept[-1][1] == sent
    with pytest.raises(SignatureError):
        restored(made(head, [*kept[:-1], (kept[-1][0], forged)]), log)


def test_a_batch_from_after_its_devices_revocation_is_refused(parts):
    world = parts.World()
    device = world.enrol()
    world.send(device)
    world.send(device)
    world.apply(world.office.revocation("laptop-1", 0, None))
    log = Replayed(world.notes, None).to(len(world.notes))
    head, kept = cut_up(log.savepoint().to_bytes())
    (at, batch), (later, revocation) = kept[-2:]

    with pytest.raises(RevokedError):
        restored(made(head, [*kept[:-2], (at, revocation), (later, batch)]), log)


def test_that_of_another_log_or_under_other_pinned_keys_is_refused(parts, log, whole):
    with pytest.raises(FormatError, match=r"is for log log\.example/test, not log\.example/other"):
        restored(whole, log, origin="log.example/other")
    others = [key.verifier for key in parts.Office("other").policy]
    with pytest.raises(SignatureError):
        restored(whole, log, pinned=others)


def test_another_edge_root_or_count_is_refused(log, whole):
    head, kept = cut_up(whole)
    for changes, error in (
        ({"root": bytes(32)}, RootMismatchError),
        ({"edge": head.edge[:-1]}, ConsistencyError),
        ({"edge": head.edge[::-1]}, RootMismatchError),
        ({"entries": 51}, LimitError),
        ({"entries": len(kept) - 1}, LakzegelError),
        ({"findings": head.findings + 1}, ChainError),
    ):
        with pytest.raises(error):
            restored(made(head, kept, **changes), log)


def test_one_that_breaks_off_anywhere_or_goes_on_is_refused(log, whole):
    for length in (0, 20, len(whole) // 2, len(whole) - 33, len(whole) - 1):
        with pytest.raises(LakzegelError):
            restored(whole[:length], log)
    with pytest.raises(FormatError, match="goes on after its end"):
        restored(whole + b"\0", log)
    with pytest.raises(LimitError):
        restored(b"x" * 5000, log)


def test_any_bit_that_flipped_is_noticed(log, whole):
    for at in random.Random(5).sample(range(len(whole)), 15):
        with pytest.raises(LakzegelError):
            restored(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], log)
    with pytest.raises(DigestMismatchError):
        restored(whole[:-1] + bytes([whole[-1] ^ 1]), log)


def test_whoever_has_the_tiles_is_told_of_each_entry_before_it_is_believed(log, whole):
    def compare(index, entry):
        if index == 3 or log.notes[index] != entry:
            raise NotAdmittedError(f"entry {index} is another one in the log")

    with pytest.raises(NotAdmittedError, match="entry 3 is another"):
        restored(whole, log, seen=compare)


def test_of_a_custody_with_gaps_none_is_made(parts):
    world = parts.World()
    world.custody.apply(world.office.policy_note(1), index=9)
    edge = Frontier()
    for note in [*world.notes, *[b"x"] * 9]:
        edge.append(leaf_hash(note))

    with pytest.raises(ChainError, match="speak of a log of 2 entries, and it is of 10"):
        Savepoint.of(world.custody, edge, world.notes.__getitem__)
