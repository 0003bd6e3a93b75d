# SPDX-License-Identifier: EUPL-1.2
"""`agent.toml`: what is set and what stands in comments is what the agent takes."""

import tomllib

import pytest

from lakzegel_agent.managed import ManagedFile, toml_values
from lakzegel_agent.settingslayers import flat
from lakzegel_agent.settingsschema import settings_of
from lakzegel_profiles.command import files
from lakzegel_profiles.site import Site

NAME = "mdm-profiles/linux/agent.toml"


def uncommented(text):
    return tomllib.loads("".join(line.removeprefix("#: ") for line in text.splitlines(True)))


def test_what_is_set_is_what_must_be(made, keys):
    found = tomllib.loads(made[NAME].decode())
    assert set(found) == {key.name for key in keys if key.required}


def test_each_key_in_a_comment_is_one_that_the_agent_takes(made, keys):
    found = uncommented(made[NAME].decode())
    settings_of([found])
    assert {name for name, _ in flat(found)} == {key.name for key in keys}


def test_every_key_set_is_read_by_the_agents_own_reader(keys, site_of, tmp_path):
    path = tmp_path / "agent.toml"
    path.write_bytes(files(keys, site_of("linux"))[NAME])
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    layer = ManagedFile(path, toml_values, owner=path.stat().st_uid).read()
    assert dict(flat(layer.values)) == dict(site_of("linux").values)


@pytest.mark.parametrize("name", ["limits.spool", "limits.batch", "shipping.hours"])
def test_a_table_of_which_one_key_is_set_stays_whole(keys, site_of, name):
    value = site_of("linux").values[name]
    text = files(keys, Site(values={name: value}))[NAME].decode()
    assert dict(flat(tomllib.loads(text)))[name] == value
    assert {name for name, _ in flat(uncommented(text))} == {key.name for key in keys}
