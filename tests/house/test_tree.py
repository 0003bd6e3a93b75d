# SPDX-License-Identifier: EUPL-1.2
"""The project speaks of itself alone, and every file says under which licence it is."""

import re

import pytest

# Written backwards, so that this file does not hold what it looks for.
REGISTRIES = [
    name[::-1]
    for name in (
        "gro.ipyp",
        "gro.detsohnohtyp",
        "gro.sjmpn",
        "moc.sjmpn",
        "gro.naibed.bed",
        "gro.naibed.ytiruces",
        "gro.gnalog.yxorp",
        "gro.gnalog.mus",
        "oi.setarc",
        "moc.gkpnray",
    )
]
MACHINE = re.compile(rb"(?<![\w.~-])/(?:work|root)/")
LOCAL = re.compile(rb"file:///|localhost:\d{4,5}/simple")
COMMENTED = {".py", ".sh"}


def test_no_file_names_a_package_registry(tracked):
    hosts = [host.encode() for host in REGISTRIES]
    found = [
        f"{path}: {host.decode()}"
        for path in tracked
        for host in hosts
        if host in path.read_bytes()
    ]
    assert found == []


def test_no_file_names_a_place_on_somebodys_machine(tracked):
    found = []
    for path in tracked:
        data = path.read_bytes()
        if MACHINE.search(data) or (path.suffix == ".txt" and LOCAL.search(data)):
            found.append(str(path))
    assert found == []


def test_every_program_file_begins_with_its_licence(tracked):
    files = [path for path in tracked if path.suffix in COMMENTED]
    assert len(files) > 100
    missing = [
        str(path)
        for path in files
        if "SPDX-License-Identifier: EUPL-1.2" not in "".join(path.read_text().splitlines()[:2])
    ]
    assert missing == []


def test_the_licence_is_the_european_union_public_licence_whole(root):
    text = (root / "LICENSE").read_text()
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2")
    assert "15.Applicable Law" in text
    assert "Appendix" in text


@pytest.mark.parametrize("room", ["core", "agent", "server", "office", "web", "verify", "demo"])
def test_a_room_holds_one_import_package_and_is_none_itself(root, room):
    assert not (root / room / "__init__.py").exists()
    packages = [path.name for path in (root / room).iterdir() if (path / "__init__.py").exists()]
    assert packages == [f"lakzegel_{room}"]


def test_only_the_durable_modules_call_fsync(root):
    assert _callers(root, re.compile(r"\bf(?:data)?sync\(")) == set()


def test_only_the_settings_modules_read_the_environment(root):
    assert _callers(root, re.compile(r"\bos\.(?:environ|getenv)\b")) == set()


def _callers(root, pattern):
    allowed = {"durable.py", "settings.py", "settingsconfig.py", "settingslanguage.py"}
    rooms = ("core", "agent", "server", "office", "web", "verify", "demo")
    return {
        str(path.relative_to(root))
        for room in rooms
        for path in (root / room).rglob("*.py")
        if path.name not in allowed and pattern.search(path.read_text())
    }
