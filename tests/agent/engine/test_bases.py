# SPDX-License-Identifier: EUPL-1.2
"""A version of a large file names what changed, and for the rest an earlier capture."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.ledgerrows import OWN, SEGMENT, Base, FileState
from lakzegel_agent.sealing.bases import LEAST, MOST, built_on, itself

COUNT = 100


def rows(*names):
    """Packed segments, one for each number."""
    return b"".join(SEGMENT.pack(0, 0, n, 10, bytes(32), n.to_bytes(16, "big")) for n in names)


def full(names):
    count = len(names)
    return FileState(b"Inbox", 0, 0, 0, 0, rows(*names), itself(0, 3, 9, bytes(32), count))


def spelled(state, base_names):
    """The numbers that a row's stretches say, by the base's own list; None for its own."""
    for first, many in state.base.stretches:
        yield from [None] * many if first == OWN else base_names[first : first + many]


EDIT = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 0), st.integers(1, 3)),
    st.tuples(
        st.sampled_from(["patch", "remove", "repeat"]), st.integers(0, 99), st.integers(1, 4)
    ),
    st.tuples(st.just("move"), st.integers(0, 99), st.integers(0, 99)),
)


@settings(max_examples=300, deadline=None)
@given(edits=st.lists(EDIT, min_size=1, max_size=12))
def test_after_any_edits_the_stretches_say_what_the_rows_are(edits):
    base_names = list(range(COUNT))
    names, new = list(base_names), COUNT
    state = full(names)
    for what, at, many in edits:
        at = at % len(names)  # noqa: PLW2901
        if what == "append":
            names += range(new, new := new + many)
        elif what == "patch":
            names[at : at + many] = range(new, new := new + len(names[at : at + many]))
        elif what == "remove":
            del names[at : at + many]
        elif what == "repeat":
            names[at:at] = names[at : at + many]
        else:
            names.insert(many % len(names), names.pop(at))
        packed = rows(*names)
        base = built_on(state, packed)
        if base is None:
            return
        state = FileState(b"Inbox", state.version + 1, 0, 0, 0, packed, base)
        said = list(spelled(state, base_names))
        assert len(said) == len(names)
        assert all(found in {None, name} for found, name in zip(said, names, strict=True))
        assert FileState.unpack(state.pack()) == state


def test_what_was_appended_is_all_that_is_named():
    state = full(range(COUNT))
    assert built_on(state, rows(*range(COUNT + 2))).stretches == ((0, COUNT), (OWN, 2))


def test_a_segment_patched_in_place_parts_the_stretch():
    names = [*range(40), 999, *range(41, COUNT)]
    assert built_on(full(range(COUNT)), rows(*names)).stretches == ((0, 40), (OWN, 1), (41, 59))


def test_what_a_compaction_left_is_one_stretch_on_each_side():
    names = [*range(40), *range(43, COUNT)]
    assert built_on(full(range(COUNT)), rows(*names)).stretches == ((0, 40), (43, 57))


def test_what_a_version_had_of_its_own_stays_its_own():
    state = full(range(COUNT))
    first = rows(*range(COUNT + 1))
    state = FileState(b"Inbox", 1, 0, 0, 0, first, built_on(state, first))
    more = built_on(state, rows(*range(COUNT + 2)))
    assert more.stretches == ((0, COUNT), (OWN, 2))
    assert more[:4] == state.base[:4]


def test_a_small_file_has_no_base():
    assert itself(0, 0, 0, bytes(32), LEAST - 1) is None
    assert itself(0, 0, 0, bytes(32), LEAST) is not None
    assert built_on(full(range(COUNT)), rows(*range(LEAST - 1))) is None
    assert built_on(FileState(b"Inbox", 0, 0, 0, 0, rows(*range(COUNT))), rows(1)) is None


@pytest.mark.parametrize("count", [COUNT, 10_000])
def test_where_much_is_its_own_all_is_named_again(count):
    state = full(range(count))
    most = MOST - 1 if count > COUNT else COUNT - 2
    assert built_on(state, rows(*range(count + most))) is not None
    assert built_on(state, rows(*range(count + most + 1))) is None
    scattered = rows(*random.Random(1).sample(range(count), count))
    assert built_on(state, scattered) is None


def test_a_row_from_before_bases_still_opens():
    state = FileState(b"a" * 4_096, 3, 0o640, -5, 77, rows(1, 2))
    assert FileState.unpack(state.pack()) == state
    assert state._replace(base=Base(1, 2, 3, b"c" * 32, ())).pack() != state.pack()


class Box:
    """An mbox in the watched folder."""

    def __init__(self, engine):
        self.engine = engine
        engine.watch(reader="mbox")
        self.path = engine.write("Inbox", b"".join(mail(n) for n in range(COUNT)))
        engine.capture()

    def append(self, number):
        with self.path.open("ab") as file:
            file.write(mail(number))
        self.engine.capture()

    def captures(self):
        return self.engine.archive().of_kind("capture")

    def whole(self):
        return self.engine.archive().versions()[b"Inbox"]


def mail(number):
    return (
        f"From - Mon Mar 11 08:{number % 60:02}:10 2024\nSubject: stuk {number}\n\n"
        f"{random.Random(number).randbytes(400).hex()}\n\n"
    ).encode()


@pytest.fixture
def box(engine):
    return Box(engine)


def test_a_capture_after_an_appended_mail_names_two_things(box):
    box.append(COUNT)
    first, second = box.captures()
    assert "base" not in first.payload
    assert second.payload["base"][:3] == [first.epoch, first.batch, first.index]
    assert len(second.payload["segments"]) == 2
    assert len(second.item.payload) < len(first.item.payload) / 10
    assert box.whole()[-1] == box.path.read_bytes()


def test_every_version_comes_back_while_mails_arrive_for_long(box):
    box.path.write_bytes(b"".join(mail(n) for n in range(LEAST)))
    wanted = [*box.whole(), box.path.read_bytes()]
    box.engine.capture()
    for number in range(LEAST, LEAST + 70):
        box.append(number)
        wanted.append(box.path.read_bytes())
    assert box.whole() == wanted
    bases = [s.payload.get("base") for s in box.captures()]
    assert bases.count(None) == 2  # once in between all was named again
    assert len({str(base) for base in bases if base}) == 2


def test_a_device_that_begins_a_new_epoch_builds_on_nothing_that_was_given_up(box):
    box.append(COUNT)
    assert "base" in box.captures()[-1].payload
    box.engine.enrolment = bytes(31) + b"1"
    box.engine.ledger.begin_epoch(1, box.engine.enrolment)
    box.engine.use(epoch=1, header_key=box.engine.header_key(1))
    box.append(COUNT + 1)
    (newest,) = box.captures()
    assert "base" not in newest.payload
    assert box.whole() == [box.path.read_bytes()]
