# SPDX-License-Identifier: EUPL-1.2
"""What is committed is what the schema says, and whatever changes there changes every profile."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from lakzegel_agent.errors import UsageError
from lakzegel_agent.managed import ManagedFile, toml_values
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsschema import Settings
from lakzegel_agent.settingsshown import DEFAULTS, shown
from lakzegel_profiles.command import GUIDE, by_hand, files, keys_of_schema, main
from lakzegel_profiles.keys import ProfileError, read_words
from lakzegel_profiles.site import EXAMPLE_AUTHORITY, Site

OF_SETTINGS = (  # the files that have every key; the others are of one subject
    "mdm-profiles/macos/lakzegel-agent.mobileconfig",
    "mdm-profiles/macos/one-by-one/settings.mobileconfig",
    "mdm-profiles/jamf/nl.lakzegel.agent.nl.json",
    "mdm-profiles/jamf/nl.lakzegel.agent.en.json",
    "mdm-profiles/windows/PolicyDefinitions/Lakzegel.admx",
    "mdm-profiles/windows/PolicyDefinitions/nl-NL/Lakzegel.adml",
    "mdm-profiles/windows/PolicyDefinitions/en-US/Lakzegel.adml",
    "mdm-profiles/intune/windows/custom-policy.json",
    "mdm-profiles/linux/agent.toml",
    "mdm-profiles/linux/ansible/roles/lakzegel_agent/defaults/main.yml",
    "mdm-profiles/linux/ansible/roles/lakzegel_agent/meta/argument_specs.yml",
    "mdm-profiles/linux/ansible/roles/lakzegel_agent/templates/agent.toml.j2",
    GUIDE,
)
WITHOUT_DEFAULTS = {  # their words have them, in a file beside
    "mdm-profiles/windows/PolicyDefinitions/Lakzegel.admx",
    "mdm-profiles/intune/windows/custom-policy.json",
    "mdm-profiles/linux/ansible/roles/lakzegel_agent/templates/agent.toml.j2",
}


class Slower(Settings):
    """The schema with another default."""

    workers: int = Field(default=7, ge=1, le=8)


class Wider(Settings):
    """The schema with one more key."""

    colour_of_wax: Annotated[str, Field(min_length=1)] | None = None


WAX = {"example": "rood", "nl": ["Kleur", "Van de lak."], "en": ["Colour", "Of the wax."]}


def changed(before, after):
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_what_is_committed_is_what_is_generated(root, made):
    stale = [name for name, data in made.items() if (root / name).read_bytes() != data]
    assert stale == [], "run: make profiles"


def test_nothing_is_left_of_a_profile_that_is_made_no_more(keys):
    written = {Path(name).name for name in by_hand(keys)}
    assert written == {
        "README.md",
        "app-detection.ps1",
        "compliance.ps1",
        "compliance.sh",
        "custom-attribute.sh",
        "detect.ps1",
        "extension-attribute-days.sh",
        "extension-attribute-state.sh",
        "main.yml",
        "remediate.ps1",
        "site.yml",
    }


def test_another_default_changes_every_profile_and_the_guide(made):
    after = files(keys_of_schema(Slower), Site())
    assert changed(made, after) >= set(OF_SETTINGS) - WITHOUT_DEFAULTS


def test_another_default_of_policies_changes_them_too(made):
    after = files(keys_of_schema(defaults={**DEFAULTS, "limits.spool": "3 GiB"}), Site())
    assert changed(made, after) >= set(OF_SETTINGS) - WITHOUT_DEFAULTS
    assert b"3 GiB" in after[GUIDE]


def test_another_key_appears_in_every_profile_and_the_guide(made):
    after = files(keys_of_schema(Wider, words={**read_words(), "colour_of_wax": WAX}), Site())
    assert changed(made, after) >= set(OF_SETTINGS)
    for name in OF_SETTINGS:
        assert b"colour_of_wax" in after[name] or b"ColourOfWax" in after[name], name


def test_a_key_without_words_is_refused_by_name():
    with pytest.raises(ProfileError, match=r"\[colour_of_wax\] has no example, nl, en"):
        keys_of_schema(Wider)


def test_no_words_are_left_of_a_key_that_is_no_more(keys):
    def named(table, prefix=""):
        for name, held in table.items():
            yield from [f"{prefix}{name}"] if "nl" in held else named(held, f"{name}.")

    assert set(named(read_words())) == {key.name for key in keys}


def test_every_key_is_in_every_profile_and_in_the_guide(made, keys):
    for name in OF_SETTINGS:
        text = made[name].decode()
        for key in keys:
            told = key.camel if "windows/" in name else key.last
            assert told in text, f"{name} has no {key.name}"


def test_every_key_that_config_shows_has_a_form(keys, pins, tmp_path):
    values = {"server": "https://receiver.example", "home": str(tmp_path), **pins}
    path = tmp_path / "agent.toml"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in values.items()))
    rows = shown(load_config(path, mdm=Nothing()), None)
    assert {row.name for row in rows} <= {key.name for key in keys}


class Nothing:
    """A device without MDM."""

    def read(self):
        return None


def test_an_agent_refuses_the_examples_that_nobody_filled_in(root, tmp_path):
    path = tmp_path / "agent.toml"
    path.write_bytes((root / "mdm-profiles/linux/agent.toml").read_bytes())
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError, match="log_keys: verifier key: not name"):
        load_config(path, mdm=ManagedFile(path, toml_values, owner=path.stat().st_uid))


def test_the_same_schema_gives_the_same_bytes_in_another_process(tmp_path, root, made):
    command = [sys.executable, root / "mdm-profiles/generate", "--out", tmp_path]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"})
    assert {name: (tmp_path / name).read_bytes() for name in made} == made


@pytest.fixture
def own(tmp_path, pins):
    """Writes an organisation's values, and makes its profiles: the exit code."""

    def make(more="", *, out="out", without=(), arguments=("--team-id", "A1B2C3D4E5")):
        values = {"server": "https://lak.example", **pins}
        lines = [f"{name} = {json.dumps(v)}\n" for name, v in values.items() if name not in without]
        path = tmp_path / "own.toml"
        path.write_text("".join(lines) + more)
        return main(["--values", str(path), "--out", str(tmp_path / out), *arguments])

    return make


def test_own_values_are_in_the_profiles(own, tmp_path):
    assert own('[limits]\nspool = "9 GiB"\n') == 0
    out = tmp_path / "out"
    text = (out / "mdm-profiles/macos/lakzegel-agent.mobileconfig").read_text()
    assert "https://lak.example" in text
    assert "9 GiB" in text
    assert 'subject.OU] = "A1B2C3D4E5"' in text
    assert own('[limits]\nspool = "8 GiB"\n', arguments=("--check",)) == 1
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in out.rglob("*") if path.is_file()}
    assert modes.pop(".sh") == 0o700
    assert set(modes.values()) == {0o600}
    names = ("macos/lakzegel-agent.mobileconfig", "linux/agent.toml")
    written = b"".join((out / "mdm-profiles" / name).read_bytes() for name in names)
    assert b"+REPLACE-ED25519" not in written  # an example of what must be set


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("wokers = 3", "wokers: no such key"),
        ('workers = "3"', "workers: not a number"),
        ("workers = 99", "an agent refuses it: key 'workers'"),
        ('keystore = "shoe"', "an agent refuses it: key 'keystore'"),
        ('cadence = "a while"', "an agent refuses it: key 'cadence'"),
        ("threshold = 3", "3 of 2 policy keys cannot sign"),
        ('[windows]\nmdm_marker = "no place"', "[windows]: an agent refuses mdm_marker"),
        ("[beos]\nhome = '/boot'", "beos.home: no such key"),
        ("pac = ", "cannot be read"),
        ("a = " + "[" * 9999, "cannot be read"),
        ("linux = 3", "[linux], [macos] and [windows] are tables"),
        ('token = "hunter2"', "an agent refuses it: key 'token'"),
    ],
)
def test_values_that_an_agent_would_refuse_are_refused_here(own, tmp_path, capsys, more, why):
    assert own(more) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1
    assert "hunter2" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["server", "log_keys", "policy_keys"])
def test_nothing_that_must_be_set_is_left_to_an_example(own, capsys, name):
    assert own(without=(name,)) == 2
    assert f"{name}: must be set" in capsys.readouterr().err


def test_a_place_of_one_platform_goes_to_that_platform_alone(own, tmp_path):
    more = "home = '/srv/lak'\nserial_number = '{{serialnumber}}'\n[windows]\nworkers = 3\n"
    jamf = "[macos]\nhome = '/opt/lak'\nserial_number = '$SERIALNUMBER'\n"
    assert own(more + jamf) == 0
    out = tmp_path / "out/mdm-profiles"
    assert '"/srv/lak"' in (out / "linux/agent.toml").read_text()
    mac = (out / "macos/lakzegel-agent.mobileconfig").read_text()
    assert "<string>/opt/lak</string>" in mac
    rows = {
        row["omaUri"].rpartition("/")[2]: row["value"]
        for row in json.loads((out / "intune/windows/custom-policy.json").read_text())[
            "omaSettings"
        ]
    }
    assert 'value="C:\\ProgramData\\Lakzegel"' in rows["Home"]
    assert 'value="3"' in rows["Workers"]
    assert 'value="{{serialnumber}}"' in rows["SerialNumber"]
    assert "<string>$SERIALNUMBER</string>" in mac
    assert "\nserial_number" not in (out / "linux/agent.toml").read_text()
    assert "\nworkers" not in (out / "linux/agent.toml").read_text()


def test_no_example_stands_for_what_an_organisation_did_not_say(own, tmp_path, capsys):
    assert own(arguments=()) == 0
    told = capsys.readouterr().err
    assert "macos/ is left out: no --team-id" in told
    assert "phones/enrolment-profile.json is left out: no --host-certificate" in told
    made = tmp_path / "out/mdm-profiles"
    assert not (made / "macos").exists()
    assert (made / "linux/agent.toml").exists()
    assert own(out="with") == 0
    whole = tmp_path / "with/mdm-profiles/macos"
    assert (whole / "one-by-one/privacy.mobileconfig").exists()
    assert not (whole / "one-by-one/authority.mobileconfig").exists()
    assert b"com.apple.security.root" not in (whole / "lakzegel-agent.mobileconfig").read_bytes()
    authority = ("--team-id", "A1B2C3D4E5", "--authority", str(EXAMPLE_AUTHORITY))
    assert own(out="third", arguments=authority) == 0
    third = tmp_path / "third/mdm-profiles/macos/lakzegel-agent.mobileconfig"
    assert b"com.apple.security.root" in third.read_bytes()


def test_profiles_with_values_are_not_written_where_others_may_change_them(own, tmp_path, capsys):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert own(out="open") == 2
    assert "others may write there" in capsys.readouterr().err
    assert list((tmp_path / "open").iterdir()) == []


def test_a_folder_of_ones_own_has_all_that_an_administrator_takes(own, tmp_path, folder):
    assert own() == 0
    made = {p.relative_to(tmp_path / "out/mdm-profiles") for p in (tmp_path / "out").rglob("*.*")
            if "mdm-profiles" in p.parts and p.is_file()}  # fmt: skip
    kept = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    left_out = {path for path in kept - made if path.parts[0] != "generate"}
    assert {str(path) for path in left_out} == {
        "macos/one-by-one/authority.mobileconfig",
        "phones/enrolment-profile.json",
    }
    assert made <= kept


def test_own_values_never_replace_what_is_committed(tmp_path, capsys):
    assert main(["--values", str(tmp_path / "any.toml")]) == 2
    assert "say --out DIR too" in capsys.readouterr().err


def test_what_is_no_team_and_no_text_is_refused(tmp_path, capsys):
    assert main(["--team-id", "lakzegel", "--out", str(tmp_path)]) == 2
    assert "ten capitals" in capsys.readouterr().err
    assert main(["--organisation", "a\x01b", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
