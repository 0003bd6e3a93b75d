# SPDX-License-Identifier: EUPL-1.2
"""What describes the agent to launchd and to Windows Installer (docs/spec/services.md §3, §4)."""

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from lakzegel_agent.__main__ import parser
from lakzegel_agent.services import launchd, msi
from lakzegel_agent.services.base import STOP_WITHIN
from lakzegel_agent.services.windowsservice import PRESHUTDOWN_WITHIN

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "packaging" / "launchd"
# launchd.plist(5): each key that we use, and its type
KEYS = {
    "AssociatedBundleIdentifiers": list,
    "ExitTimeOut": int,
    "HardResourceLimits": dict,
    "KeepAlive": dict,
    "Label": str,
    "LimitLoadToSessionType": list,
    "LowPriorityBackgroundIO": bool,
    "LowPriorityIO": bool,
    "Nice": int,
    "ProcessType": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "SoftResourceLimits": dict,
    "ThrottleInterval": int,
    "Umask": int,
    "WorkingDirectory": str,
}
# the columns of Windows Installer's documentation; a capital letter may be null
COLUMNS = {
    "ServiceInstall": (
        "s72 s255 L255 i4 i4 i4 S255 S255 S255 S255 S255 s72 L255",
        (
            "ServiceInstall Name DisplayName ServiceType StartType ErrorControl LoadOrderGroup"
            " Dependencies StartName Password Arguments Component_ Description"
        ),
    ),
    "ServiceControl": (
        "s72 l255 i2 S255 I2 s72",
        "ServiceControl Name Event Arguments Wait Component_",
    ),
    "MsiServiceConfig": (
        "s72 s255 i4 i4 S0 s72",
        "MsiServiceConfig Name Event ConfigType Argument Component_",
    ),
    "MsiServiceConfigFailureActions": (
        "s72 s255 i4 I4 L255 L255 S0 S0 s72",
        (
            "MsiServiceConfigFailureActions Name Event ResetPeriod RebootMessage Command Actions"
            " DelayActions Component_"
        ),
    ),
    "Registry": ("s72 i2 l255 L255 L0 s72", "Registry Root Key Name Value Component_"),
}


@pytest.mark.parametrize("of", [launchd.DAEMON, launchd.HELPER], ids=lambda one: one.name)
def test_the_property_list_is_the_one_that_is_kept_here(of):
    kept = (COMMITTED / f"{of.name}.plist").read_bytes()
    assert kept == launchd.plist(of), "python -m lakzegel_agent.services.launchd packaging/launchd"


@pytest.mark.parametrize("of", [launchd.DAEMON, launchd.HELPER], ids=lambda one: one.name)
def test_launchd_knows_every_key_and_its_type(of):
    found = plistlib.loads(launchd.plist(of), fmt=plistlib.FMT_XML)
    assert {name: type(value) for name, value in found.items()}.items() <= KEYS.items()
    assert found["Label"] == of.name
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert found["ExitTimeOut"] == STOP_WITHIN
    assert found["ProcessType"] in {"Background", "Standard", "Adaptive", "Interactive"}
    assert all(isinstance(one, str) for one in found["ProgramArguments"])
    assert found["ProgramArguments"][0].startswith("/Library/")


def test_the_helper_alone_belongs_to_a_session():
    daemon, helper = (plistlib.loads(launchd.plist(d)) for d in (launchd.DAEMON, launchd.HELPER))
    assert "LimitLoadToSessionType" not in daemon
    assert helper["LimitLoadToSessionType"] == ["Aqua"]
    assert helper["Label"] == "nl.lakzegel.agent.user"


@pytest.mark.parametrize("of", [launchd, msi], ids=["macOS", "Windows"])
def test_the_commands_are_ours(of):
    service, helper = (of.DAEMON if of is launchd else of.SERVICE), of.HELPER
    assert parser().parse_args(list(service.arguments[1:])).command == "run"
    assert parser().parse_args(list(helper.arguments[1:])).command == "helper"


def test_every_row_fits_its_table():
    rows = msi.tables("Agent")
    assert rows.keys() == COLUMNS.keys()
    for table, (types, names) in COLUMNS.items():
        kinds = types.split()
        assert len(kinds) == len(names.split())
        for row in rows[table]:
            assert len(row) == len(kinds), table
            assert all(map(_fits, row, kinds)), (table, row)


def _fits(value, kind):
    if value is None:
        return kind[0].isupper()
    if kind[0] in "iI":
        return isinstance(value, int) and -(2**15) < value < 2 ** (15 if kind[1] == "2" else 31)
    most = int(kind[1:])
    return isinstance(value, str) and (not most or len(value) <= most)


def test_the_installer_takes_the_rows_and_gives_them_back(tmp_path):
    build, info = shutil.which("msibuild"), shutil.which("msiinfo")
    if build is None or info is None:
        pytest.skip("msitools is not installed")
    tables = msi.tables("Agent")
    for table, (types, names) in COLUMNS.items():
        key = (table, names.split()[0])
        lines = [names.split(), types.split(), key, *tables[table]]
        text = ["\t".join("" if one is None else str(one) for one in line) for line in lines]
        (tmp_path / f"{table}.idt").write_text("\r\n".join(text) + "\r\n")
    files = [word for table in COLUMNS for word in ("-i", str(tmp_path / f"{table}.idt"))]
    subprocess.run([build, tmp_path / "a.msi", *files], check=True, capture_output=True)
    done = subprocess.run(
        [info, "export", tmp_path / "a.msi", "ServiceInstall"],
        check=True,
        capture_output=True,
        text=True,
    )
    row = done.stdout.splitlines()[3].split("\t")
    assert row[1:3] == ["LakzegelAgent", "Lakzegel Agent"]
    assert row[10] == r"run --config C:\ProgramData\Lakzegel\agent.toml"


def test_windows_waits_as_long_as_it_is_asked_before_it_shuts_down():
    rows = {row[3]: row[4] for row in msi.tables("Agent")["MsiServiceConfig"]}
    assert rows[7] == str(PRESHUTDOWN_WITHIN * 1000)
    assert rows[6].split("[~]") == sorted(msi.PRIVILEGES)
    assert rows[4] == "1"  # else an exit with an error would be the last of it


def test_a_command_line_is_quoted_where_it_must_be():
    assert msi.words((r"C:\Program Files\a.exe", "helper")) == r'"C:\Program Files\a.exe" helper'
