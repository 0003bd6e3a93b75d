# SPDX-License-Identifier: EUPL-1.2
"""The package for Windows, compiled by wixl and read by msitools (docs/spec/windows-package.md)."""

import os
import shutil
import subprocess

import pytest

from lakzegel_agent.services import msi as services
from lakzegel_frozen import idt, msi, stage
from lakzegel_frozen.errors import FrozenError

pytestmark = pytest.mark.skipif(
    not (shutil.which("wixl") and shutil.which("msibuild") and shutil.which("msiextract")),
    reason="no msitools with wixl",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree") / "windows"
    (root / "runtime/Lib/json").mkdir(parents=True)
    for name in ("lakzegel-agent.exe", "lakzegel-worker.exe", "python311.dll"):
        (root / name).write_bytes(name.encode() * 99)
    for name in ("os.pyc", "json/__init__.pyc", "naïef.pyc"):
        (root / "runtime/Lib" / name).write_bytes(name.encode())
    stage.settle(root)
    return root


@pytest.fixture(scope="module")
def package(tree, tmp_path_factory):
    return msi.pack(tree, "1.2.3", tmp_path_factory.mktemp("made") / "agent.msi")


@pytest.fixture
def rows(package):
    """The rows of a table, by their first column."""

    def read(name, package=package):
        done = subprocess.run(["msiinfo", "export", package, name], capture_output=True, check=True)
        table = idt.parse(done.stdout.decode())
        return {row[0]: row[1:] for row in table.rows}

    return read


def test_the_files_are_those_of_the_tree(package, tree, tmp_path):
    subprocess.run(["msiextract", "-C", tmp_path, package], check=True, capture_output=True)
    (root,) = tmp_path.rglob("Agent")
    found = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert found == {p.relative_to(tree): p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    (settings,) = tmp_path.rglob("agent.toml")
    assert b"MDM says all" in settings.read_bytes()


def test_the_same_tree_gives_the_same_bytes_and_another_one_another_number(
    package, tree, tmp_path, monkeypatch
):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    again = msi.pack(tree, "1.2.3", tmp_path / "again.msi")
    assert again.read_bytes() == package.read_bytes()
    other = tmp_path / "other"
    shutil.copytree(tree, other)
    (other / "python311.dll").write_bytes(b"another")
    stage.settle(other)
    changed = msi.pack(other, "1.2.3", tmp_path / "changed.msi")

    def code(path):
        done = subprocess.run(["msiinfo", "suminfo", path], capture_output=True, check=True)
        return next(x for x in done.stdout.decode().splitlines() if x.startswith("Revision"))

    assert code(changed) != code(package)
    assert code(again) == code(package)


def test_it_is_for_the_whole_machine_and_has_no_dialog(package, rows):
    assert rows("Property")["ALLUSERS"] == ("1",)
    tables = subprocess.run(["msiinfo", "tables", package], capture_output=True, check=True)
    assert {"Dialog", "Control"}.isdisjoint(tables.stdout.decode().split())


def test_an_upgrade_knows_its_forerunners_and_refuses_to_go_back(rows):
    code = "{8F1C6C1E-5D0A-5B52-9D0E-6F0F3A1D7C44}"
    assert rows("Property")["UpgradeCode"] == (code,)
    assert code in rows("Upgrade")
    assert rows("LaunchCondition") == {
        "NOT WIX_DOWNGRADE_DETECTED": ("A newer Lakzegel Agent is installed.",)
    }
    order = {name: int(row[1]) for name, row in rows("InstallExecuteSequence").items() if row[1]}
    assert order["InstallInitialize"] < order["RemoveExistingProducts"] < order["ProcessComponents"]
    assert order["InstallServices"] < order["MsiConfigureServices"] < order["StartServices"]


def test_the_service_is_what_the_agent_says_of_itself(rows):
    for name, wanted in services.tables("Agent").items():
        found = rows(name)
        for row in wanted:
            texts = tuple("" if cell is None else str(cell) for cell in row)
            assert found[texts[0]] == texts[1:], name


def test_a_component_has_the_same_number_in_every_version(tree, rows, tmp_path):
    later = msi.pack(tree, "2.0.0", tmp_path / "later.msi")
    assert rows("Component", later) == rows("Component")
    properties = rows("Property", later)
    assert properties["ProductCode"] != rows("Property")["ProductCode"]
    assert properties["UpgradeCode"] == rows("Property")["UpgradeCode"]


def test_state_and_settings_stay_and_nobody_else_may_enter(rows):
    component = rows("Component")
    assert int(component["Settings"][2]) & (16 | 128) == 16 | 128
    assert int(component["Home"][2]) & 16 == 16
    assert int(component["Agent"][2]) & 16 == 0
    rights = {row[0]: row[2] for row in rows("MsiLockPermissionsEx").values()}
    assert set(rights) == {"STATEDIR", "HOMEDIR", "SettingsFile"}
    for text in rights.values():
        assert text.startswith("O:BAG:BAD:PAI(")
    assert "BU" not in rights["HOMEDIR"]
    assert ";FR;;;BU" in rights["SettingsFile"]


def test_a_removal_says_what_stays_and_an_upgrade_does_not(rows):
    condition, number = rows("InstallExecuteSequence")["LakzegelSayKept"]
    assert condition == 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
    assert int(number) > int(rows("InstallExecuteSequence")["RemoveFiles"][1])
    kind, place, command, *_ = rows("CustomAction")["LakzegelSayKept"]
    assert (place, int(kind) & 64, int(kind) & 512) == ("CommonAppDataFolder", 64, 512)
    assert place in rows("Directory")
    assert len(command) <= 255
    assert "[LakzegelSaid]" in command
    assert "ProgramData\\Lakzegel\\home" in rows("Property")["LakzegelSaid"][0]


def test_a_tree_without_its_program_is_no_package(tmp_path):
    with pytest.raises(FrozenError, match=r"lakzegel-agent\.exe: not there"):
        msi.pack(tmp_path, "1.2.3", tmp_path / "x.msi")


def test_a_link_in_a_tree_is_refused(tree, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tree, other)
    (other / "runtime/link").symlink_to("/etc/passwd")
    with pytest.raises(FrozenError, match="link: not a file"):
        msi.pack(other, "1.2.3", tmp_path / "x.msi")


def test_what_wixl_does_not_know_is_no_package(tree, tmp_path, monkeypatch):
    """It warns of a word that it passes over; that word was there for a reason."""
    sources = tmp_path / "msi"
    shutil.copytree(msi.SOURCES, sources)
    text = (sources / "agent.wxs").read_text()
    (sources / "agent.wxs").write_text(text.replace('Id="Home" ', 'Id="Home" Permanent="yes" '))
    monkeypatch.setattr(msi, "SOURCES", sources)
    with pytest.raises(FrozenError, match="wixl refuses it"):
        msi.pack(tree, "1.2.3", tmp_path / "x.msi")


def test_a_cell_with_a_tab_is_no_cell():
    table = idt.Table("T", (("a", "s1"),), 1, ())
    with pytest.raises(FrozenError, match="does not fit"):
        table.with_rows([("x\ty",)]).to_text()
    assert os.linesep == "\n"
