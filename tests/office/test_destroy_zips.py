# SPDX-License-Identifier: EUPL-1.2
"""One message of a chat in a zip, as an iPhone writes it, goes alone: docs/spec/disposal.md §4.1.

What stays has the same ids and the same words, before and after the index is made anew; and whoever
has all files, keyrings and keys that are left has no word of what went, packed or not.
"""

import io
import os
import re
import shutil
import zipfile
import zlib
from contextlib import closing, suppress

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.collection import assembling
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.destroying.carrying import Ground
from lakzegel_office.destroying.holds import Hold, Holds
from lakzegel_office.destroying.selection import read_selection
from lakzegel_office.errors import UnreachableError, UsageError
from lakzegel_office.mirror import Mirror
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from tests.office.disposing import NOW, carrier_of, carry_out, decide, office_of
from tests.office.test_erase import begin, erase, found_by_a_thief
from tests.office.test_export import exported, files

SECRET = "Zangzaad voor de kanarie van moeder"
CHAT = f"""\
[11-03-2024, 08:04:00] Anna: \u200eBerichten worden versleuteld.\r
[11-03-2024, 08:05:00] Anna: Komt de notitie vandaag nog\r
[11-03-2024, 08:06:00] Bart: Ja\r
[11-03-2024, 08:06:00] Bart: Ja\r
[11-03-2024, 08:07:00] Bart: {SECRET}\r
en nog een regel van Bart\r
[11-03-2024, 08:08:00] Anna: \u200e<bijgevoegd: 00000005-PHOTO-2024-03-11-08-08-00.jpg>\r
[11-03-2024, 08:09:00] Anna: Dan morgen de notitie graag\r
""".encode()
PHOTO = "00000005-PHOTO-2024-03-11-08-08-00.jpg"
NAME = "WhatsApp Chat - Anna.zip"


def archive(files, *, streamed=False):
    """A zip of deflated texts and stored photographs; streamed: sizes stand behind the data."""
    data = io.BytesIO()
    target = _Streamed(data) if streamed else data
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content, zipfile.ZIP_STORED if name.endswith(".jpg") else None)
    return data.getvalue()


class _Streamed(io.RawIOBase):
    """A file that cannot go back."""

    def __init__(self, data):
        self.data = data

    def write(self, some):
        return self.data.write(some)

    def seekable(self):
        return False

    def writable(self):
        return True


def cut(data, at=1 << 24):
    """The segments that a device makes of it: members and directory, no longer than that."""
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        starts = [info.header_offset for info in made.infolist()] + [made.start_dir]
    pieces = [data[low:high] for low, high in zip(starts, [*starts[1:], len(data)], strict=True)]
    return [piece[low : low + at] for piece in pieces for low in range(0, len(piece), at)]


def read(collected):
    """Every unit, with its words or its bytes; of the directory that it is there."""
    found = {}
    with closing(collected()) as collection:
        for unit in collection.units(Query()):
            if unit.kind == "file":
                data = collection.attachment(unit.id, 0)
                found[unit.id] = data if PHOTO in unit.subject else unit.subject
            else:
                found[unit.id] = collection.body(unit.id).text
                assert len(found[unit.id].encode()) < unit.size < 130
    return found


def go(world, number, units):
    """Two people let these units go."""
    office = office_of(world)
    book = Book.open(world.home, office.journal_key)
    book.decide(units, Class("prive"), actor="anna", reason="", now=NOW)
    category = read_selection(world.home.selection).category("prive")
    carrier_of(world).propose(units, Ground("verzoek", category), NOW)
    carrier_of(world).approve(number, NOW)
    return carry_out(world, number)


def inside(some):
    """What is packed in these bytes, in whichever place."""
    for found in re.finditer(rb"PK\x03\x04", some):
        with suppress(zlib.error, IndexError):
            names = found.start() + 30 + some[found.start() + 26] + some[found.start() + 28]
            yield zlib.decompressobj(-15).decompress(some[names:])


@pytest.fixture
def kept(world):
    found = set()
    works = world.receiver.replace_keyring

    def replace(name, note, keyring):
        found.update(world.receiver.keyrings.values())
        works(name, note, keyring)

    world.receiver.replace_keyring = replace
    world.pull_now = world.puller().run
    return found


def test_messages_go_and_the_others_stay_what_they_are_and_nobody_reads_them_ever_again(
    world, device, collected, kept, monkeypatch
):
    monkeypatch.setattr(assembling, "CUT", 200)
    picture = b"\xff\xd8\xff" + os.urandom(60)
    made = archive({"_chat.txt": CHAT, PHOTO: picture}, streamed=True)
    device.send_as("whatsapp-export", {NAME: cut(made, 200)})
    left = read(collected)
    assert len(left) == 9
    named = {str(text): unit for unit, text in reversed(left.items())}  # of both Ja the first
    private = [unit for text, unit in named.items() if SECRET in text]
    photo = [unit for text, unit in named.items() if "xd8" in text or PHOTO in text]
    for number, units in enumerate(([*private, named["Ja"]], photo), 1):
        folder = go(world, number, units)
        left = {unit: text for unit, text in left.items() if unit not in units}
        assert read(collected) == left
        shutil.rmtree(world.home.state)
        assert read(collected) == left
    assert len(left) == 5
    assert len(list(world.home.disposals.glob("*/extract-*.age"))) == 2  # of chat and directory
    begin(world)
    seen = [one for some in found_by_a_thief(world, kept) for one in inside(some)]
    assert any(SECRET.encode() in one for one in seen)  # the attack works
    erase(world)
    seen = found_by_a_thief(world, kept)
    seen += [one for some in seen for one in inside(some)]
    crcs = [zlib.crc32(data).to_bytes(4, "little") for data in (CHAT, picture)]
    words = (SECRET.encode(), b"Zangzaad", b"zangzaad", b"kanarie", b"PHOTO-2024", picture, *crcs)
    assert not [word for word in words for one in seen if word in one]
    assert any(b"Komt de notitie" in one for one in seen)
    assert world.run("verify", "--open", "--quiet") == 0
    assert folder.name == "2-1"


def test_what_holds_a_message_in_a_zip_or_cannot_be_told_from_it_is_not_cut(
    world, device, collected
):
    chat, directory = cut(archive({"_chat.txt": CHAT}))
    device.send_as("whatsapp-export", {NAME: [chat, directory]})
    with closing(collected()) as collection:
        (unit,) = (unit.id for unit in collection.units(Query(text="zangzaad")))
        (file,) = (unit.id for unit in collection.units(Query(kinds=[UnitKind.FILE])))
    holds = Holds(office_of(world), replay_mirror(Mirror(world.home.mirror), world.config))
    holds.set(Hold("woo-1", "Woo", None, (file,), NOW), NOW, os.urandom)
    with pytest.raises(UsageError, match="under hold woo-1, or share a segment"):
        go(world, 1, [unit])
    holds.release("woo-1", "besluit", NOW)
    device.send_as("whatsapp-export", {f"2/{NAME}": [chat + b"PK and something else", directory]})
    collected().close()
    with pytest.raises(UsageError, match="6 other units have the same bytes"):
        go(world, 1, [unit])


def test_of_a_chat_in_a_zip_only_what_leaves_leaves(world, device, tmp_path, monkeypatch):
    monkeypatch.setattr(assembling, "CUT", 200)
    chat, rest, *_ = cut(archive({"_chat.txt": CHAT}), 200)
    device.send_as("whatsapp-export", {NAME: [chat, rest, b"PK\1\2"]})
    world.pull()
    whole = files(exported(world, tmp_path / "1"))
    assert chat + rest in [path.read_bytes() for path in whole.values()]
    decide(world, "zangzaad")
    some = files(exported(world, tmp_path / "2"))
    left = [path.read_bytes() for path in some.values()]
    lines = CHAT.splitlines(keepends=True)
    assert b"".join(lines[:4] + lines[6:]) in left
    assert not [data for data in left for one in (data, *inside(data)) if SECRET.encode() in one]
    proofs = [sum(name.endswith(".proof") for name in names) for names in (whole, some)]
    assert proofs == [3, 1]  # of both parts of the chat, and of the directory


@pytest.mark.soak
def test_a_member_over_two_batches_is_in_its_extract_before_another_part_of_it_goes(
    world, device, collected, monkeypatch
):
    monkeypatch.setattr(assembling, "CUT", 200)
    pieces, file = cut(archive({"_chat.txt": CHAT}), 200), os.urandom(16).hex()
    device.reader, sealed = "whatsapp-export", []
    context = device.context(NAME, file)
    for batch, piece in enumerate(pieces):
        sealed.append(device.seal(payload=piece, context=context, source="mail"))
        if batch < len(pieces) - 1:
            device.send(sealed[-1:])
    rows = [
        [0, batch, 0, len(piece), b64(item.entry.commitment)]
        for batch, (piece, item) in enumerate(zip(pieces, sealed, strict=True))
    ]
    device.send([sealed[-1], device.capture(NAME, rows, file, index=1)])
    _, second, _ = device.receiver.batches
    left = read(collected)
    (private,) = (unit for unit, text in left.items() if SECRET in str(text))
    del left[private]
    sent, works = [], world.receiver.replace_keyring

    def breaks(batch, *more):
        if len(sent) == 2:
            raise UnreachableError("gone")
        sent.append(batch)
        works(batch, *more)

    world.receiver.replace_keyring = breaks
    with pytest.raises(UnreachableError):
        go(world, 1, [private])
    assert second not in sent
    assert read(collected) == left
    world.receiver.replace_keyring = works
    carry_out(world)
    assert read(collected) == left
    shutil.rmtree(world.home.state)
    assert read(collected) == left
