# SPDX-License-Identifier: EUPL-1.2
"""The role for Ansible: its variables are the keys, and its template is what the agent reads."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import jinja2
import pytest
import yaml

from lakzegel_agent.settingslayers import flat
from lakzegel_agent.settingsschema import settings_of
from lakzegel_profiles.ansible import TOKEN
from lakzegel_profiles.guide import variable

PLAYBOOK = shutil.which("ansible-playbook")
SECRET = "PRIVATE+KEY+a-token-that-nobody-may-see"


@pytest.fixture(scope="module")
def role(folder):
    return folder / "linux/ansible/roles/lakzegel_agent"


@pytest.fixture(scope="module")
def variables(keys, site_of):
    return {variable(key): site_of("linux").values[key.name] for key in keys}


class Loader(yaml.SafeLoader):
    """YAML with the one tag of Ansible's that is used: a text that is no template."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load(path):
    return yaml.load(path.read_text(), Loader)


def rendered(role, variables):
    """As Ansible does it: a line that is a tag alone leaves none behind."""
    frame = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    frame.filters["to_json"] = json.dumps
    template = frame.from_string((role / "templates/agent.toml.j2").read_text())
    return template.render({"ansible_managed": "by a test", **variables})


def test_every_file_is_yaml_and_the_tasks_name_modules_in_full(role, folder):
    files = [*role.rglob("*.yml"), folder / "linux/ansible/site.yml"]
    assert len(files) == 6
    for path in files:
        assert load(path), path
    for task in load(role / "tasks/main.yml"):
        (module,) = [name for name in task if name.startswith("ansible.builtin.")]
        assert task["name"]
        assert isinstance(task[module], dict)


def test_every_key_is_a_variable_with_its_type(role, keys):
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for key in keys:
        option = options[variable(key)]
        assert option["type"] in {"str", "int", "bool", "list"}
        assert option.get("required", False) is key.required
        assert option.get("choices", []) == list(key.choices)
        assert option.get("no_log", False) is key.secret


def test_nothing_that_is_said_of_a_key_is_taken_for_a_template(role):
    for name in ("defaults/main.yml", "meta/argument_specs.yml"):
        for line in (role / name).read_text().splitlines():
            told = line.lstrip()
            assert "{{" not in told or told.startswith("#") or ": !unsafe " in told, line


def test_every_variable_of_the_role_is_described_and_used(role):
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = load(role / "defaults/main.yml")
    assert set(defaults) <= set(options)
    used = (role / "tasks/main.yml").read_text() + (role / "templates/agent.toml.j2").read_text()
    assert [name for name in options if name not in used] == []


def test_what_may_hold_a_secret_is_written_without_a_word_of_it(role):
    tasks = {task["name"]: task for task in load(role / "tasks/main.yml")}
    for name in ("Deliver the settings", "Deliver the token"):
        assert tasks[name]["no_log"] is True
        assert tasks[name]["diff"] is False
    assert tasks["Deliver the token"]["ansible.builtin.copy"]["mode"] == "0640"
    assert f"lakzegel_agent_{TOKEN} " not in (role / "templates/agent.toml.j2").read_text()


def test_every_variable_becomes_its_key(role, variables, keys, site_of):
    found = dict(flat(tomllib.loads(rendered(role, variables))))
    assert found == {n: v for n, v in site_of("linux").values.items() if n != TOKEN}
    settings_of([tomllib.loads(rendered(role, variables))])


def test_a_variable_that_is_not_there_is_a_key_that_is_not_set(role, variables, keys):
    must = {variable(key): variables[variable(key)] for key in keys if key.required}
    text = rendered(role, {**must, "lakzegel_agent_workers": None})
    assert set(dict(flat(tomllib.loads(text)))) == {key.name for key in keys if key.required}


def test_a_number_that_came_as_a_text_and_odd_characters_arrive_as_they_are(role, variables):
    odd = {"lakzegel_agent_workers": "3", "lakzegel_agent_pac": 'a"\\\n\té€😀{{ 7 }}'}
    found = tomllib.loads(rendered(role, {**variables, **odd}))
    assert found["workers"] == 3
    assert found["pac"] == odd["lakzegel_agent_pac"]


@pytest.mark.soak
@pytest.mark.skipif(PLAYBOOK is None, reason="no ansible-playbook here")
def test_a_real_ansible_delivers_settings_that_a_real_agent_takes(
    tmp_path, folder, variables, keys, pins
):
    etc = tmp_path / "etc"
    must = {variable(key): variables[variable(key)] for key in keys if key.required}
    program = tmp_path / "lakzegel-agent"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakzegel_agent "$@"\n')
    program.chmod(0o755)
    owner = os.environ.get("USER") or "root"
    own = {
        **must,
        "lakzegel_agent_workers": 1,
        "lakzegel_agent_proxy": "http://user:hunter2@proxy.example:8080",
        "lakzegel_agent_token": SECRET,
        "lakzegel_agent_token_file": str(etc / "token"),
        "lakzegel_agent_etc": str(etc),
        "lakzegel_agent_package": "",
        "lakzegel_agent_service": "",
        "lakzegel_agent_owner": owner,
        "lakzegel_agent_user": owner,
        "lakzegel_agent_program": str(program),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    (tmp_path / "ours.json").write_text(json.dumps(own))

    def play(**more):
        (tmp_path / "more.json").write_text(json.dumps(more))
        command = [PLAYBOOK, "-i", "localhost,", "-c", "local", "-vvv", "--diff"]
        command += ["--extra-vars", f"@{tmp_path}/ours.json", "--extra-vars"]
        command += [f"@{tmp_path}/more.json", "-e", "ansible_become=false", "site.yml"]
        return subprocess.run(
            command, cwd=folder / "linux/ansible", capture_output=True, text=True, check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            },
        )  # fmt: skip

    first = play()
    assert first.returncode == 0, first.stdout + first.stderr
    found = tomllib.loads((etc / "agent.toml").read_text())
    assert (found["workers"], found["log_keys"]) == (1, pins["log_keys"])
    assert (etc / "agent.toml").stat().st_mode & 0o777 == 0o644
    assert (etc / "token").read_text() == SECRET + "\n"
    assert (etc / "token").stat().st_mode & 0o777 == 0o640
    again = play()
    assert "changed=0" in again.stdout
    for done in (first, again):
        assert SECRET not in done.stdout + done.stderr
        assert "hunter2" not in done.stdout + done.stderr
    wrong = play(lakzegel_agent_keystore="shoe box")
    assert wrong.returncode != 0
    assert "lakzegel_agent_keystore" in wrong.stdout
    missing = play(lakzegel_agent_policy_keys=["REPLACE"])
    assert missing.returncode != 0
    assert "verifier key" in missing.stdout
