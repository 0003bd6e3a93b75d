# SPDX-License-Identifier: EUPL-1.2
"""The units are sound, start programs that there are, and leave an intruder what they say."""

import importlib
import json
import os
import re
import shutil
import subprocess
from fnmatch import fnmatchcase

import pytest

from lakzegel_agent.limits import Limits
from tests.systemd.units import (
    EXAMPLES,
    FOLDER,
    ROOT,
    SERVICES,
    SYSTEM,
    USER,
    commands,
    left_open,
    one,
    settings,
)

GUIDE = (ROOT / "docs" / "guides" / "hardening.md").read_text()
ALL = [*SERVICES, *(path for path in USER if path.suffix == ".service")]
EXPOSURE = {"lakzegel-agent": 1.8, "lakzegel-agent-user": 6.1}  # the others: 1.5
OPEN = re.compile(r"\| `[A-Z].*\| `lakzegel-")  # a row of what stands open
CODE = re.compile(r"`([^`]+)`")
BINARY = {"K": 2**10, "M": 2**20, "G": 2**30}
analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": "/tmp"},  # --user asks where that is, and no more
    )


def names(paths):
    return [path.name for path in paths]


@analyzed
def test_systemd_has_nothing_to_say_about_a_unit():
    for more, paths in (([], SYSTEM), (["--user"], USER)):
        done = analyze("verify", *more, *paths)
        said = (done.stdout + done.stderr).splitlines()
        # the programs are not installed here
        assert [line for line in said if "executable" not in line] == []


@analyzed
@pytest.mark.parametrize("path", ALL, ids=names(ALL))
def test_all_that_stands_open_has_a_reason_and_all_else_is_closed(path):
    manager = "--user" if path in USER else "--system"
    told = json.loads(analyze(manager, "security", "--offline=true", "--json=short", path).stdout)
    found = {row["name"] for row in told if row["exposure"]}
    reasons = left_open(path)
    named = [pattern for patterns, _ in reasons for pattern in patterns]
    assert {name for name in found if not any(fnmatchcase(name, one) for one in named)} == set()
    assert [one for one in named if not any(fnmatchcase(name, one) for name in found)] == []
    assert all(len(why) > 20 for _, why in reasons)
    most = f"--threshold={round(EXPOSURE.get(path.stem, 1.5) * 10)}"
    done = analyze(manager, "security", "--offline=true", most, path)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_guide_gives_the_same_reasons():
    said = {}
    for path in ALL:
        for named, why in left_open(path):
            said.setdefault((tuple(named), why), []).append(path.stem)
    rows = [line.strip("| ").split(" | ") for line in GUIDE.splitlines() if OPEN.match(line)]
    assert {
        (tuple(CODE.findall(named.replace(r"\|", "|"))), why): CODE.findall(units)
        for named, units, why in rows
    } == said


@analyzed
@pytest.mark.parametrize("path", EXAMPLES, ids=names(EXAMPLES))
def test_an_example_of_a_drop_in_fits_the_unit_that_it_is_for(path, tmp_path):
    for meant in re.findall(r"\blakzegel-[a-z-]+\b", path.read_text().splitlines()[1]):
        unit = tmp_path / f"{meant}.service"
        unit.write_bytes((FOLDER / unit.name).read_bytes())
        (tmp_path / f"{unit.name}.d").mkdir()
        shutil.copy(path, tmp_path / f"{unit.name}.d")
        done = analyze("verify", unit)
        said = (done.stdout + done.stderr).splitlines()
        assert [line for line in said if path.name in line and not is_newer(line)] == []


def is_newer(line):
    """A key of a newer systemd, which an older one passes over."""
    return re.search(r"Unknown key (name )?'Restart(Steps|MaxDelaySec)'.* ignoring", line)


def grammar(program):
    room = program.rpartition("/")[2].replace("-", "_")
    return importlib.import_module(f"{room}.__main__").parser()


@pytest.mark.parametrize("path", [*SERVICES, *USER], ids=names([*SERVICES, *USER]))
def test_what_a_unit_starts_is_a_command_that_there_is(path):
    for program, *words in commands(path):
        if "lakzegel" in program:
            arguments = grammar(program).parse_args(words)
            assert callable(arguments.run)
        else:
            assert program in {"/bin/kill", "/usr/bin/sleep", "/usr/bin/systemctl"}


@pytest.mark.parametrize("path", SERVICES, ids=names(SERVICES))
def test_a_unit_runs_as_its_own_user_in_the_folders_of_the_guide(path):
    user = one(path, "User")
    if user is None:
        assert "/usr/bin/systemctl" in {words[0] for words in commands(path)}
        return
    assert (one(path, "Group"), one(path, "UMask")) == (user, "0077")
    assert path.name.startswith(user)
    state = "/var/lib/" + ("lakzegel" if user == "lakzegel-agent" else user)
    row = re.search(rf"^\| user and group \|.*`{user}`", GUIDE, re.MULTILINE)
    assert row, user
    assert f"`{state}`" in re.search(r"^\| state \|(.*)$", GUIDE, re.MULTILINE)[1]
    made = (FOLDER / "tmpfiles.d" / f"{user}.conf").read_text()
    assert f"\nd {state} 0700 {user} {user}\n" in made
    assert f"\nu {user} - " in (FOLDER / "sysusers.d" / f"{user}.conf").read_text()
    kept = (one(path, "StateDirectory") or "").split()
    assert all(f"/var/lib/{name}".startswith(state) for name in kept)
    for _, *words in commands(path):
        places = [word for word in words if word.startswith(("/var/", "/etc/"))]
        assert all(place.startswith((state, "/etc/lakzegel", "/var/backups")) for place in places)


def size(text):
    return int(text[:-1]) * BINARY[text[-1]]


def test_an_agent_pauses_by_itself_before_the_system_slows_or_ends_it():
    agent, own = FOLDER / "lakzegel-agent.service", Limits()
    high, most = size(one(agent, "MemoryHigh")), size(one(agent, "MemoryMax"))
    assert own.memory < high < most
    assert own.share < int(one(agent, "CPUQuota").rstrip("%")) / 100
    assert int(one(agent, "CPUWeight")) < 100 > int(one(agent, "IOWeight"))


@pytest.mark.parametrize("path", SERVICES, ids=names(SERVICES))
def test_a_limit_of_the_guide_is_that_of_the_unit(path):
    for key in ("MemoryHigh", "MemoryMax", "CPUQuota", "WatchdogSec"):
        value = one(path, key)
        if value and path.stem in {"lakzegel-agent", "lakzegel-server", "lakzegel-office-pull"}:
            assert f"`{key}={value}`" in GUIDE


def test_each_timer_and_path_starts_a_service_that_there_is_and_the_guide_has_it():
    for path in [*SYSTEM, *USER]:
        if path.suffix in {".timer", ".path", ".socket"}:
            meant = one(path, "Unit") or f"{path.stem}.service"
            assert (path.parent / meant).is_file()
            assert f"`{path.name}`" in GUIDE
    for path in SYSTEM:
        for other in " ".join(settings(path).get("Also", [])).split():
            assert (FOLDER / other).is_file()
