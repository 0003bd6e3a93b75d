# SPDX-License-Identifier: EUPL-1.2
"""A version that names most of its segments by what an earlier capture named."""

import json
from types import SimpleNamespace

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.opening import indexed

FILE = "ab" * 16
PIECES = [b"een ", b"twee ", b"drie ", b"vier "]
STRETCH = [[0, 2, 9], [3, 1, 5]]  # een twee vier


class Box:
    """An mbox of four mails in batch 0, and a fifth mail in batch 1."""

    def __init__(self, world, device):
        self.world, self.device = world, device
        items = device.file_items("box", PIECES, file=FILE)
        self.base = [0, 0, 4, b64(items[4].entry.commitment)]
        device.send(items)
        self.more = device.seal(payload=b"vijf", context=device.context("box", FILE))
        self.row = [0, 1, 0, 4, b64(self.more.entry.commitment)]

    def send(self, rows, base, file=FILE, version=1, path="box"):
        built = self.device.capture(path, rows, file, version=version, index=1, base=base)
        self.device.send([self.more, built])
        return self.world.pull()

    def restore(self, out, *more):
        return self.world.run("restore", "--device", "minister", "--out", str(out), *more)


@pytest.fixture
def box(world, device):
    return Box(world, device)


def codes(report):
    return [doubt.code for doubt in report.doubts]


def test_a_version_is_its_stretches_and_its_own_segments_in_order(box, tmp_path):
    assert box.send([*STRETCH, box.row], box.base).doubts == []
    assert box.restore(tmp_path / "out") == 0
    assert (tmp_path / "out/mail/box").read_bytes() == b"een twee vier vijf"
    assert (tmp_path / "out/.versions/mail/box/0").read_bytes() == b"".join(PIECES)
    assert box.restore(tmp_path / "new", "--latest") == 0
    assert (tmp_path / "new/mail/box").read_bytes() == b"een twee vier vijf"


def test_a_stretch_may_be_taken_twice_and_in_any_order(box, tmp_path):
    assert box.send([[3, 1, 5], [0, 2, 9], [3, 1, 5]], box.base).doubts == []
    assert box.restore(tmp_path / "out", "--latest") == 0
    assert (tmp_path / "out/mail/box").read_bytes() == b"vier een twee vier "


def test_one_version_is_opened_with_what_it_builds_on(box, capfdbinary):
    box.send([*STRETCH, box.row], box.base)
    assert box.world.run("open", "minister/0/1/1", "--reason", "Woo-verzoek 12") == 0
    assert capfdbinary.readouterr().out == b"een twee vier vijf"


def test_a_base_of_the_same_batch_will_do(world, device, tmp_path):
    items = device.file_items("box", PIECES, file=FILE)
    base = [0, 0, 4, b64(items[4].entry.commitment)]
    built = device.capture("box", STRETCH, FILE, version=1, index=5, base=base)
    device.send([*items, built])
    assert world.pull().doubts == []


def test_what_is_sealed_after_a_version_is_no_base_of_it(world, device):
    items = device.file_items("box", PIECES, file=FILE, first=1)
    base = [0, 0, 5, b64(items[4].entry.commitment)]
    built = device.capture("box", STRETCH, FILE, version=1, index=0, base=base)
    device.send([built, *items])
    report = world.pull()
    assert codes(report) == ["capture-mismatch"]
    assert "not sealed before" in str(report.doubts[0])


def test_the_history_of_a_mail_has_every_version_that_holds_it(box, capsys):
    box.send([*STRETCH, box.row], box.base)
    found = {}
    for place in ("0/0/0", "0/0/2", "0/0/3", "0/1/0"):
        capsys.readouterr()
        assert box.world.run("show", f"minister/{place}") == 0
        found[place] = json.loads(capsys.readouterr().out)["history"]
    first, second = "minister/0/0/4", "minister/0/1/1"
    assert found == {
        "0/0/0": [first, second],
        "0/0/2": [first],  # expunged
        "0/0/3": [first, second],
        "0/1/0": [second],
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda b: [b[0], 44, b[2], b[3]], "not sealed before"),
        (lambda b: [b[0], b[1], 9, b[3]], "no such item"),
        (lambda b: [b[0], b[1], 1, b[3]], "that is a segment"),
        (lambda b: [*b[:3], b64(bytes(32))], "commits to something else"),
    ],
)
def test_a_base_that_is_not_there_as_named_is_found(box, tmp_path, change, why):
    report = box.send([*STRETCH, box.row], change(box.base))
    assert codes(report) == ["capture-mismatch"]
    assert why in str(report.doubts[0])
    assert box.restore(tmp_path / "out") == 1
    assert (tmp_path / "out/mail/box").read_bytes() == b"".join(PIECES)  # what can be had


@pytest.mark.parametrize(
    "rows",
    [[[0, 5, 19]], [[4, 1, 5]], [[0, 4, 18]], [[0, 1, 3]], [[2**52, 1, 4]]],
    ids=["longer", "beyond", "shorter-sum", "other-sum", "far"],
)
def test_a_stretch_that_the_base_has_not_is_found(box, tmp_path, rows):
    report = box.send([*rows, box.row], box.base)
    assert codes(report) == ["capture-mismatch"]
    assert "has not the stretch" in str(report.doubts[0])
    assert box.restore(tmp_path / "out") == 1


def test_a_version_cannot_build_on_another_files(box):
    report = box.send(STRETCH, box.base, file="cd" * 16, path="other")
    assert "no earlier version" in str(report.doubts[0])


def test_a_version_cannot_build_on_a_later_one(box):
    report = box.send([*STRETCH], box.base, version=1)
    assert report.doubts == []
    box.device.send([box.device.capture("box", STRETCH, FILE, version=0, base=box.base)])
    assert codes(box.world.pull()) == ["format"]  # the first version has none before it


def test_a_version_cannot_build_on_one_that_builds_on_another(box):
    built = box.device.capture("box", STRETCH, FILE, version=1, base=box.base)
    box.device.send([built])
    base = [0, 1, 0, b64(built.entry.commitment)]
    box.device.send([box.device.capture("box", [[0, 1, 4]], FILE, version=2, base=base)])
    report = box.world.pull()
    assert codes(report) == ["capture-mismatch"]
    assert "builds on another" in str(report.doubts[0])


def test_verify_with_the_keys_finds_a_base_that_does_not_fit(box, capsys):
    box.send([[0, 5, 19]], box.base)
    capsys.readouterr()
    assert box.world.run("verify", "--open") == 1
    assert "1 DOUBTS" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "kept"), [("capture", True), ("observation", False)])
def test_a_capture_of_a_whole_archive_is_kept_as_any_other(kind, kept):
    payload = b'{"segments":"' + b"x" * (17 << 20) + b'"}'  # as a third of a million mails have
    item = SimpleNamespace(core={"kind": kind}, context={"path": "box"}, payload=payload)
    item.commitment = bytes(32)
    assert (indexed(0, item).payload is not None) is kept
