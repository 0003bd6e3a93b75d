# SPDX-License-Identifier: EUPL-1.2
"""The package for macOS, read by programs that others wrote (docs/spec/flat-package.md)."""

import gzip
import os
import plistlib
import shutil
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lakzegel_frozen import bom, flatpackage
from lakzegel_frozen.entries import Entry, whole
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.targets import TARGETS

ARM = TARGETS["macos-arm64"]
needs_bsdtar = pytest.mark.skipif(not shutil.which("bsdtar"), reason="no bsdtar reads xar here")
APP = "Library/Application Support/Lakzegel/Lakzegel Agent.app"


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "services"
    folder.mkdir()
    for name in flatpackage.PLACES:
        (folder / f"{name}.plist").write_bytes(plistlib.dumps({"Label": name}))
    return flatpackage.Parts(services=folder)


@pytest.fixture
def app(tmp_path):
    root = tmp_path / "Lakzegel Agent.app"
    (root / "Contents/MacOS").mkdir(parents=True)
    (root / "Contents/Info.plist").write_bytes(flatpackage.information("1.2.3"))
    for name in ("lakzegel-agent", "lakzegel-worker"):
        path = root / "Contents/MacOS" / name
        path.write_bytes(os.urandom(3000))
        path.chmod(0o755)
    modules = root / "Contents/Resources/runtime/lib"
    modules.mkdir(parents=True)
    for number in range(600):  # more than two leaves of a bill of materials
        (modules / f"m{number}.pyc").write_bytes(b"%d" % number)
    return root


@pytest.fixture
def package(app, parts, tmp_path):
    path = tmp_path / "agent.pkg"
    path.write_bytes(flatpackage.pack(app, ARM, "1.2.3", parts))
    return path


def opened(path, into):
    into.mkdir()
    subprocess.run(["bsdtar", "-xf", path, "-C", into], check=True, capture_output=True)
    return into


@needs_bsdtar
def test_what_is_installed_is_the_app_its_services_and_how_to_remove_it(package, app, tmp_path):
    outside = opened(package, tmp_path / "outside")
    assert sorted(path.relative_to(outside).as_posix() for path in outside.rglob("*")) == [
        "Distribution",
        "agent.pkg",
        "agent.pkg/Bom",
        "agent.pkg/PackageInfo",
        "agent.pkg/Payload",
        "agent.pkg/Scripts",
    ]
    inside = opened(outside / "agent.pkg/Payload", tmp_path / "inside")
    files = {p.relative_to(inside).as_posix() for p in inside.rglob("*") if p.is_file()}
    assert {name for name in files if not name.startswith(APP)} == {
        "Library/Application Support/Lakzegel/uninstall.sh",
        "Library/LaunchAgents/nl.lakzegel.agent.user.plist",
        "Library/LaunchDaemons/nl.lakzegel.agent.plist",
    }
    program = "Contents/MacOS/lakzegel-agent"
    assert (inside / APP / program).read_bytes() == (app / program).read_bytes()
    assert (inside / APP / program).stat().st_mode & 0o777 == 0o755
    assert len(files) == 3 + 603
    scripts = opened(outside / "agent.pkg/Scripts", tmp_path / "scripts")
    listed = (scripts / "files").read_text().splitlines()
    assert {f"{APP}/{name.removeprefix('./')}" for name in listed} == {
        name for name in files if name.startswith(APP)
    }
    assert {p.name: p.stat().st_mode & 0o777 for p in scripts.iterdir()} == {
        "common.sh": 0o644,
        "files": 0o644,
        "postinstall": 0o755,
        "preinstall": 0o755,
    }


@pytest.mark.skipif(not shutil.which("cpio"), reason="no cpio")
def test_a_second_program_reads_the_payload_and_sees_that_all_is_roots(app, parts, tmp_path):
    payload = flatpackage.cpio.pack(flatpackage.contents(app, parts))
    done = subprocess.run(
        ["cpio", "-itvn", "--quiet"],
        input=gzip.decompress(payload),
        capture_output=True,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(flatpackage.contents(app, parts))
    assert {tuple(line.split()[2:4]) for line in lines} == {("0", "0")}
    assert lines[0].startswith("drwxr-xr-x")


def test_the_same_content_gives_the_same_bytes(app, parts, package):
    first = package.read_bytes()
    for path in app.rglob("*"):
        os.utime(path, (1, 1))
    assert flatpackage.pack(app, ARM, "1.2.3", parts) == first


def test_a_missing_service_is_named(app, parts):
    (parts.services / "nl.lakzegel.agent.plist").unlink()
    with pytest.raises(FrozenError, match=r"nl\.lakzegel\.agent\.plist: not there"):
        flatpackage.pack(app, ARM, "1.2.3", parts)


def test_a_link_in_an_app_is_refused(app, parts):
    (app / "Contents/link").symlink_to("/etc/passwd")
    with pytest.raises(FrozenError, match="link: not a file"):
        flatpackage.pack(app, ARM, "1.2.3", parts)


def test_the_bundle_says_who_it_is():
    found = plistlib.loads(flatpackage.information("1.2.3"))
    assert found["CFBundleIdentifier"] == "nl.lakzegel.agent"
    assert found["CFBundleExecutable"] == "lakzegel-agent"
    assert found["CFBundleShortVersionString"] == found["CFBundleVersion"] == "1.2.3"


def test_the_installer_may_not_put_the_bundle_elsewhere_and_asks_nothing():
    info = ET.fromstring(flatpackage.package_info("1.2.3", 5, 5000))
    assert info.attrib["relocatable"] == "false"
    assert info.attrib["overwrite-permissions"] == "false"
    assert list(info.find("relocate")) == []
    assert info.find("payload").attrib == {"numberOfFiles": "5", "installKBytes": "5"}
    whole_package = ET.fromstring(flatpackage.distribution("1.2.3", "arm64", 5000))
    assert whole_package.find("options").attrib["customize"] == "never"
    assert whole_package.find("options").attrib["hostArchitectures"] == "arm64"
    tags = {one.tag for one in whole_package}
    assert tags.isdisjoint({"welcome", "license", "readme", "conclusion"})


def blocks_of(data):
    """The blocks and the names of a bill of materials, read by its specification alone."""
    magic, version, count, at, length, named_at, named = struct.unpack_from(">8s6I", data)
    assert (magic, version, at + length) == (b"BOMStore", 1, len(data))
    (total,) = struct.unpack_from(">I", data, at)
    pairs = [struct.unpack_from(">II", data, at + 4 + 8 * n) for n in range(total)]
    assert pairs[0] == (0, 0)
    assert count == total - 1
    blocks = [data[start : start + size] for start, size in pairs]
    names, place = {}, named_at + 4
    for _ in range(*struct.unpack_from(">I", data, named_at)):
        number, size = struct.unpack_from(">IB", data, place)
        names[data[place + 5 : place + 5 + size].decode()] = blocks[number]
        place += 5 + size
    assert place == named_at + named
    return blocks, names


def paths_of(data):
    """Path, type and mode, size and check of everything in a bill of materials."""
    blocks, names = blocks_of(data)
    assert set(names) == {"BomInfo", "Paths", "HLIndex", "VIndex", "Size64"}
    magic, _, root, page, count, _ = struct.unpack(">4sIIIIB", names["Paths"])
    assert (magic, page) == (b"tree", 4096)
    leaf, width, _, _ = struct.unpack_from(">HHII", blocks[root])
    at = root if leaf else struct.unpack_from(">I", blocks[root], 12)[0]
    found, full, before, seen = {}, {0: ""}, 0, 0
    while at:
        leaf, width, after, previous = struct.unpack_from(">HHII", blocks[at])
        assert (leaf, previous) == (1, before)
        for n in range(width):
            key, value = struct.unpack_from(">II", blocks[at], 12 + 8 * n)
            number, said = struct.unpack(">II", blocks[key])
            (parent,) = struct.unpack_from(">I", blocks[value])
            name = blocks[value][4:-1].decode()
            path = f"{full[parent]}/{name}" if parent else name
            full[number], seen = path, seen + 1
            assert number == seen
            kind, one, flags, mode, user, group, _, size, two = struct.unpack_from(
                ">BBHHIIIIB", blocks[said]
            )
            assert (one, flags, user, group, two) == (1, 15, 0, 0, 1)
            check = struct.unpack_from(">I", blocks[said], 23)[0]
            found[path] = (kind, mode, size, check)
        before, at = at, after
    assert seen == count
    return found


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1500])
def test_a_bill_of_materials_tells_every_path_its_rights_size_and_check(count, tmp_path):
    entries = whole(Entry(f"a/b{n % 7}/c{n}", 0o644, b"%d" % n) for n in range(count))
    found = paths_of(bom.pack(entries))
    assert next(iter(found)) == "."
    assert len(found) == len(entries)
    for entry in entries:
        name = "." if entry.name == "." else f"./{entry.name}"
        kind, mode, size, check = found[name]
        assert (kind, mode) == (2 if entry.is_folder else 1, entry.type_and_mode)
        assert size == len(entry.read())
        assert check == (0 if entry.is_folder else bom.cksum(entry.read()))


@pytest.mark.parametrize("data", [b"", b"a", b"hello\n", bytes(range(256)) * 300])
def test_the_check_is_that_of_cksum(data, tmp_path):
    (tmp_path / "f").write_bytes(data)
    done = subprocess.run(["cksum", tmp_path / "f"], capture_output=True, text=True, check=True)
    assert bom.cksum(data) == int(done.stdout.split()[0])


def test_two_contents_of_one_name_are_refused():
    with pytest.raises(FrozenError, match="a: twice"):
        whole([Entry("a", 0o644, b"1"), Entry("a", 0o644, b"2")])


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="no shell")
@pytest.mark.parametrize("name", ["uninstall.sh", "scripts/preinstall", "scripts/postinstall"])
def test_a_script_is_one_that_a_shell_understands(checkout, name):
    path = checkout / "packaging/pkg" / name
    assert path.stat().st_mode & 0o100
    subprocess.run(["/bin/sh", "-n", path], check=True)
