# SPDX-License-Identifier: EUPL-1.2
"""What is committed is what the schema says, and whatever changes there changes every profile."""

import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import Field

from lakzegel_agent.errors import UsageError
from lakzegel_agent.managed import ManagedFile, toml_values
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsschema import Settings
from lakzegel_agent.settingsshown import DEFAULTS, shown
from lakzegel_profiles.command import GUIDE, files, keys_of_schema, main
from lakzegel_profiles.keys import ProfileError, read_words
from lakzegel_profiles.site import Site

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
    with pytest.raises(UsageError, match="verifier key: not name"):
        load_config(path, mdm=ManagedFile(path, toml_values, owner=path.stat().st_uid))


def test_the_same_schema_gives_the_same_bytes_in_another_process(tmp_path, root, made):
    command = [sys.executable, root / "mdm-profiles/generate", "--out", tmp_path]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"})
    assert {name: (tmp_path / name).read_bytes() for name in made} == made


def test_own_values_are_in_the_profiles_and_wrong_ones_are_refused(tmp_path, capsys, pins):
    values = tmp_path / "own.toml"
    values.write_text('server = "https://lak.example"\n[limits]\nspool = "9 GiB"\n')
    assert main(["--values", str(values), "--out", str(tmp_path), "--team-id", "A1B2C3D4E5"]) == 0
    text = (tmp_path / "mdm-profiles/macos/lakzegel-agent.mobileconfig").read_text()
    assert "https://lak.example" in text
    assert 'subject.OU] = "A1B2C3D4E5"' in text
    assert main(["--values", str(values), "--out", str(tmp_path), "--check"]) == 1
    for wrong, why in {
        "wokers = 3": "wokers: no such key",
        'workers = "3"': "workers: not a number",
        'keystore = "shoe"': "keystore: not one of auto",
        "server = ": "cannot be read",
    }.items():
        values.write_text(wrong)
        assert main(["--values", str(values), "--out", str(tmp_path)]) == 2
        assert why in capsys.readouterr().err
    assert main(["--team-id", "lakzegel", "--out", str(tmp_path)]) == 2
    assert "ten capitals" in capsys.readouterr().err
