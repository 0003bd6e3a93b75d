# SPDX-License-Identifier: EUPL-1.2
"""Which source a setting comes from, and that a lower one changes nothing of a higher one's."""

import json
import os
import plistlib
from datetime import timedelta
from pathlib import Path

import pytest

from lakzegel_agent import managed as mdm
from lakzegel_agent import managedregistry, policyexpiry
from lakzegel_agent.__main__ import main
from lakzegel_agent.errors import UsageError
from lakzegel_agent.managed import ManagedFile, ManagedRegistry, plist_values, toml_values
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingspolicy import tuned
from lakzegel_agent.settingsshown import shown, without_login

POLICY = 'serial = 7\ncadence = "1h"\n[limits]\nspool = "1 GiB"\n[shipping]\nmetered = "wait"\n'


class Nothing:
    """A device without MDM."""

    def read(self):
        return None


class Recorded:
    """A registry as it was written down: keys, and what each holds."""

    def __init__(self, found):
        self.found = found

    def values(self, key):
        return self.found.get(key)

    def keys(self, key):
        return [name.removeprefix(key + "\\") for name in self.found if name.startswith(key + "\\")]


@pytest.fixture
def keys(office):
    log = office.log.keys
    return {
        "log_keys": [log.ed25519.to_text(), log.mldsa.to_text()],
        "policy_keys": [key.verifier.to_text() for key in office.policy],
    }


@pytest.fixture
def values(tmp_path, keys):
    return {"server": "https://receiver.example", "home": str(tmp_path / "home"), **keys}


def toml(values):
    lines = [f"{n} = {json.dumps(v)}\n" for n, v in values.items() if not isinstance(v, dict)]
    for name, table in values.items():
        if isinstance(table, dict):
            lines.append(f"[{name}]\n" + toml(table))
    return "".join(lines)


@pytest.fixture
def file(tmp_path):
    """Writes a file of settings."""

    def write(values, name="agent.toml"):
        path = tmp_path / name
        path.write_text(toml(values))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def delivered(file, tmp_path):
    """What MDM delivers, in a folder that is its own."""
    tmp_path.chmod(0o755)

    def deliver(values):
        return ManagedFile(file(values, "mdm.toml"), toml_values, owner=os.getuid())

    return deliver


def rows(config, policy=None):
    return {row.name: row.to_json() for row in shown(config, policy)}


def test_mdm_then_policy_then_file_then_environment(file, delivered, values, monkeypatch):
    monkeypatch.setenv("LAKZEGEL_AGENT_CADENCE", "5m")
    monkeypatch.setenv("LAKZEGEL_AGENT_LIMITS__BATCH", "1 MiB")
    monkeypatch.setenv("LAKZEGEL_AGENT_WORKERS", "1")
    path = file({**values, "cadence": "2m", "limits": {"spool": "3 GiB"}, "workers": 2})
    config = load_config(path, mdm=delivered({"cadence": "30m"}))
    found = rows(config, POLICY)
    assert found["cadence"] == {
        "value": "30m",
        "from": "mdm",
        "place": str(path.with_name("mdm.toml")),
        "locked": True,
        "overridden": ["policy", "file", "environment"],
    }
    assert found["limits.spool"]["value"] == "1 GiB"
    assert (found["limits.spool"]["from"], found["limits.spool"]["locked"]) == ("policy", True)
    assert found["limits.spool"]["overridden"] == ["file"]
    assert found["limits.batch"]["value"] == "1 MiB"
    assert found["limits.batch"]["from"] == "environment"
    assert (found["workers"]["value"], found["workers"]["from"]) == (2, "file")
    assert found["workers"]["overridden"] == ["environment"]
    assert found["shipping.metered"]["from"] == "policy"
    assert found["shipping.on_battery"] == {
        "value": "ship", "from": "default", "place": "", "locked": False, "overridden": [],
    }  # fmt: skip
    without = rows(config)
    assert without["limits.spool"]["value"] == "3 GiB"


def test_what_is_shown_is_what_is_done(file, delivered, values, device, office):
    office.publish(office.policy_toml(3, cadence="1h", more='[limits]\nspool = "1 GiB"\n'))
    device.liaison.consult(device.current)
    signed = device.liaison.policy(device.current)
    more = {"limits": {"spool": "5 GiB", "batch": "2 MiB"}, "shipping": {"bandwidth": "9 KiB"}}
    above = {"cadence": "2m", "shipping": {"hours": "Mon 01:00-02:00"}}
    config = load_config(file({**values, **more}), mdm=delivered(above))
    found = tuned(signed, config)
    assert found.policy.cadence == 120.0
    assert found.policy.spool_limit == 2**30
    assert found.policy.batch_limit == 2 * 2**20
    assert found.policy.shipping.bandwidth == 9 * 1024
    assert found.policy.shipping.hours[0].start == 60
    assert found.id == signed.id
    device.liaison.tune = lambda policy: tuned(policy, config)
    assert device.liaison.policy(device.current).policy.cadence == 120.0


def test_a_batch_fits_the_spool_whoever_said_which(file, values, device, office):
    office.publish(office.policy_toml(3, more='[limits]\nspool = "20 MiB"\n'))
    device.liaison.consult(device.current)
    config = load_config(file({**values, "limits": {"batch": "64 MiB"}}), mdm=Nothing())
    found = tuned(device.liaison.policy(device.current), config).policy
    assert (found.batch_limit, found.spool_limit) == (64 * 2**20, 64 * 2**20)


def test_a_policy_may_be_slower_than_a_device_may_say(file, values, device, office):
    office.publish(office.policy_toml(3, cadence="7d"))
    device.liaison.consult(device.current)
    config = load_config(file({**values, "cadence": "24h"}), mdm=Nothing())
    assert tuned(device.liaison.policy(device.current), config).policy.cadence == 7 * 86_400


def test_a_policy_says_nothing_about_whom_the_device_trusts(file, values):
    config = load_config(file(values), mdm=Nothing())
    found = rows(config, 'server = "https://evil.example"\nthreshold = 1\nworkers = 8\n')
    assert found["server"]["value"] == "https://receiver.example"
    assert found["threshold"]["value"] == 2
    assert found["workers"]["from"] == "default"


def test_the_environment_says_nothing_about_whom_the_device_trusts(file, values, monkeypatch):
    monkeypatch.setenv("LAKZEGEL_AGENT_THRESHOLD", "1")
    monkeypatch.setenv("LAKZEGEL_AGENT_POLICY_KEYS", "[]")
    config = load_config(file(values), mdm=Nothing())
    assert config.pins.threshold == 2
    found = rows(config)
    assert found["policy_keys"]["overridden"] == ["environment"]
    assert found["threshold"]["overridden"] == ["environment"]
    assert found["threshold"]["locked"]


def test_who_says_which_keys_sign_says_how_many_must(file, delivered, values, keys):
    lower = file({**values, "threshold": 1})
    config = load_config(lower, mdm=delivered(keys))
    assert config.pins.threshold == 2
    assert rows(config)["threshold"]["overridden"] == ["file"]
    assert load_config(lower, mdm=Nothing()).pins.threshold == 1


def test_the_keys_of_mdm_win_over_the_files(file, delivered, values, keys, kit):
    others = [kit.new_key("evil.example/policy").verifier.to_text()]
    config = load_config(file({**values, "policy_keys": others}), mdm=delivered(keys))
    assert [key.to_text() for key in config.pins.policy] == keys["policy_keys"]


def test_where_mdm_says_everything_no_file_is_needed(delivered, values, tmp_path):
    config = load_config(tmp_path / "none.toml", mdm=delivered(values))
    assert set(config.origins.values()) == {"mdm", "default"}
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml", mdm=Nothing())


def test_mdms_own_file_is_not_read_a_second_time(delivered, values, tmp_path):
    source = delivered(values)
    config = load_config(tmp_path / "mdm.toml", mdm=source)
    assert rows(config)["server"]["overridden"] == []
    assert rows(config)["server"]["locked"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_of_mdm_that_others_may_write_is_refused(delivered, values, tmp_path, mode):
    source = delivered(values)
    (tmp_path / "mdm.toml").chmod(mode)
    with pytest.raises(UsageError, match="chmod go-w"):
        load_config(tmp_path / "agent.toml", mdm=source)


def test_so_is_one_of_another_owner_or_in_a_folder_that_others_may_write(
    delivered, values, tmp_path
):
    path = delivered(values).path
    with pytest.raises(UsageError, match="chown root"):
        ManagedFile(path, toml_values, owner=os.getuid() + 1).read()
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="chmod go-w"):
        ManagedFile(path, toml_values, owner=os.getuid()).read()


def test_a_link_a_pipe_and_a_folder_are_no_file_of_mdm(delivered, values, tmp_path):
    real = delivered(values).path
    (tmp_path / "link.toml").symlink_to(real)
    os.mkfifo(tmp_path / "pipe.toml", 0o600)
    (tmp_path / "folder.toml").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(UsageError, match=f"{name}.toml"):
            ManagedFile(tmp_path / f"{name}.toml", toml_values, owner=os.getuid()).read()
    assert ManagedFile(tmp_path / "none.toml", toml_values, owner=os.getuid()).read() is None


def test_managed_preferences_are_read_without_mdms_own_keys(file, values, tmp_path):
    path = tmp_path / "nl.lakzegel.agent.plist"
    for form in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        more = {"PayloadUUID": "x", "workers": 1, "limits": {"spool": "4 GiB"}}
        path.write_bytes(plistlib.dumps({**values, **more}, fmt=form))
        path.chmod(0o644)
        tmp_path.chmod(0o755)
        source = ManagedFile(path, plist_values, owner=os.getuid())
        config = load_config(tmp_path / "none", mdm=source)
        assert config.tuned(None).limits.spool == 4 * 2**30
        assert rows(config)["workers"]["locked"]


@pytest.mark.parametrize("data", [b"", b"<plist>", b"bplist00" + b"\xff" * 40, b"[]", b"\x00" * 99])
def test_what_is_no_property_list_is_refused_in_one_line(tmp_path, data):
    path = tmp_path / "x.plist"
    path.write_bytes(data)
    path.chmod(0o600)
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError) as caught:
        ManagedFile(path, plist_values, owner=os.getuid()).read()
    assert "\n" not in str(caught.value)


def test_the_registry_of_windows_says_the_same(values, keys, tmp_path):
    key = managedregistry.KEY
    recorded = Recorded(
        {
            key: [
                ("Server", values["server"], 1),
                ("home", values["home"], 1),
                ("Log_Keys", keys["log_keys"], 7),
                ("policy_keys", keys["policy_keys"], 7),
                ("workers", 1, 4),
            ],
            key + "\\Shipping": [("On_Battery", "wait", 1)],
        }
    )
    config = load_config(tmp_path / "none", mdm=ManagedRegistry(recorded))
    assert config.server == "https://receiver.example"
    assert config.tuned(None).shipping.on_battery == "wait"
    assert rows(config)["shipping.on_battery"]["place"] == f"HKLM\\{key}"
    assert ManagedRegistry(Recorded({})).read() is None


def test_what_a_form_left_empty_is_not_set(values, tmp_path):
    left = {**values, "pac": "", "ca_file": "", "shipping": {"hours": ""}}
    left["log_keys"] = [*values["log_keys"], ""]
    path = tmp_path / "nl.lakzegel.agent.plist"
    path.write_bytes(plistlib.dumps(left))
    path.chmod(0o600)
    tmp_path.chmod(0o755)
    source = ManagedFile(path, plist_values, owner=os.getuid())
    config = load_config(tmp_path / "absent.toml", mdm=source)
    assert (config.pac, config.ca_file) == (None, None)
    rows = [("pac", "", 1), ("log_keys", ["a", ""], 7), ("policy_keys", [""], 7)]
    found = ManagedRegistry(Recorded({managedregistry.KEY: rows})).read()
    assert found.values == {"log_keys": ["a"], "policy_keys": []}


def test_keys_that_mdm_emptied_are_not_whom_the_file_names(file, delivered, values, tmp_path):
    path = tmp_path / "nl.lakzegel.agent.plist"
    path.write_bytes(plistlib.dumps({"policy_keys": [""]}))
    path.chmod(0o600)
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError, match="policy_keys"):
        load_config(file(values), mdm=ManagedFile(path, plist_values, owner=os.getuid()))


def test_a_value_of_another_type_in_the_registry_is_refused():
    recorded = Recorded({managedregistry.KEY: [("home", b"\0", 3)]})
    with pytest.raises(UsageError, match="REG_SZ"):
        ManagedRegistry(recorded).read()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"cadance": "15m"}, "cadance"),
        ({"cadence": "2d"}, "cadence"),
        ({"limits": {"batch": "1 B"}}, "limits.batch"),
        ({"limits": {"size": "1 MiB"}}, "limits.size"),
        ({"shipping": {"hours": "always"}}, "shipping.hours"),
        ({"shipping": {"longest_wait": "30d"}}, "shipping.longest_wait"),
        ({"proxy": "socks5://a:1"}, "proxy"),
        ({"proxy": "http://a:1/path"}, "proxy"),
        ({"proxy": "http://"}, "proxy"),
        ({"pac": ""}, "pac"),
    ],
)
def test_what_cannot_be_is_refused_by_source_and_key(file, delivered, values, more, word, tmp_path):
    with pytest.raises(UsageError, match=rf"agent\.toml: key '{word}"):
        load_config(file({**values, **more}), mdm=Nothing())
    with pytest.raises(UsageError, match=rf"mdm\.toml: key '{word}"):
        load_config(file(values), mdm=delivered(more))


def test_the_error_for_a_wrong_proxy_does_not_tell_its_login(file, values):
    path = file({**values, "proxy": "ftp://user:hunter2@proxy.example"})
    with pytest.raises(UsageError) as caught:
        load_config(path, mdm=Nothing())
    assert "hunter2" not in str(caught.value)


def test_mdms_paths_begin_with_the_root(file, delivered, values):
    with pytest.raises(UsageError, match="begin with the root"):
        load_config(file(values), mdm=delivered({"home": "home"}))


def test_config_shows_no_login_and_what_was_overridden(
    file, delivered, values, monkeypatch, capsys
):
    source = delivered({"proxy": "http://user:hunter2@proxy.example:8080"})
    monkeypatch.setattr("lakzegel_agent.settings.managed", lambda: source)
    path = file({**values, "proxy": "none"})
    assert main(["config", "--config", str(path)]) == 0
    text = capsys.readouterr().out
    assert "hunter2" not in text
    assert "http://…@proxy.example:8080" in text
    assert "mdm, locked (overrides file)" in text
    assert "hunter2" not in repr(load_config(path))
    assert without_login("none") == "none"


def test_this_system_has_one_place(monkeypatch):
    for name, kind, place in (
        ("linux", ManagedFile, mdm.LINUX),
        ("darwin", ManagedFile, mdm.MACOS),
        ("win32", ManagedRegistry, None),
    ):
        monkeypatch.setattr(mdm.sys, "platform", name)
        monkeypatch.setattr(managedregistry.importlib, "import_module", lambda _: None)
        found = mdm.managed()
        assert isinstance(found, kind)
        assert place is None or found.path == place


# a policy that nears its end


@pytest.mark.parametrize(
    ("days", "level"),
    [(61, None), (60, "notice"), (31, "notice"), (30, "warning"), (8, "warning"), (7, "urgent"),
     (1, "urgent")],
)  # fmt: skip
def test_warnings_rise_as_a_policy_nears_its_end(device, office, days, level):
    expires = device.now + timedelta(days=days)
    office.publish(office.policy_toml(4, expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ")))
    device.liaison.consult(device.current)
    in_force = device.liaison.policy(device.current)
    policyexpiry.state_expiry(device.problems, device.ledger, in_force, device.now)
    found = [p.detail for p in device.problems.listed() if p.code == "policy-expires"]
    assert [text.partition(":")[0] for text in found] == ([] if level is None else [level])
    assert device.observed() == []


def test_past_its_end_the_office_hears_once_a_policy(device, office):
    for serial in (4, 5):
        office.publish(office.policy_toml(serial, expires="2020-01-01"))
        device.liaison.consult(device.current)
        in_force = device.liaison.policy(device.current)
        for _ in range(3):
            policyexpiry.state_expiry(device.problems, device.ledger, in_force, device.now)
        assert not device.problems.has("policy-expires")
        assert device.problems.has("policy-expired")
    said = [row["sources"] for row in device.observed() if row["type"] == "policy-expired"]
    assert said == [["policy 4"], ["policy 5"]]
    office.publish(office.policy_toml(6))
    device.liaison.consult(device.current)
    in_force = device.liaison.policy(device.current)
    policyexpiry.state_expiry(device.problems, device.ledger, in_force, device.now)
    assert device.problems.listed() == []


def test_each_level_is_a_problem_of_its_own(device, office):
    expires = device.now + timedelta(days=50)
    office.publish(office.policy_toml(4, expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ")))
    device.liaison.consult(device.current)
    in_force = device.liaison.policy(device.current)
    since = set()
    for days in (0, 1, 25, 45):
        now = device.now
        device.now = now + timedelta(days=days)
        policyexpiry.state_expiry(device.problems, device.ledger, in_force, device.now)
        since |= {problem.since for problem in device.problems.listed()}
        assert len(device.problems.listed()) == 1
        device.now = now
    assert len(since) == 3


@pytest.fixture
def programs(file, values):
    """Writes readout.toml beside agent.toml; what `config` then shows of it."""
    path = file(values)

    def write(text, *, owner=None):
        beside = path.with_name("readout.toml")
        beside.write_text(text)
        beside.chmod(0o600)
        if owner is not None:
            os.chown(beside, owner, owner)
        return path

    return write


def test_config_shows_which_programs_a_policy_may_start(programs, capsys):
    path = programs("[commands]\nphones = ['/usr/bin/idevicebackup2', '-p', 'CANARY']\n")
    assert main(["config", "--config", str(path), "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["readout.phones"] == {
        "value": "/usr/bin/idevicebackup2",
        "from": "file",
        "place": str(path.with_name("readout.toml")),
        "locked": False,
        "overridden": [],
    }
    assert main(["config", "--config", str(path)]) == 0
    for_people = capsys.readouterr().out
    assert f"file {path.with_name('readout.toml')}" in for_people
    assert "CANARY" not in shown + for_people


def test_without_programs_there_is_nothing_to_show(file, values, capsys):
    assert main(["config", "--config", str(file(values)), "--json"]) == 0
    assert not [name for name in json.loads(capsys.readouterr().out) if "readout" in name]


def test_programs_that_cannot_be_used_are_shown_as_that_and_the_rest_is_shown_all_the_same(
    programs, capsys
):
    path = programs("[commands]\nphones = 'CANARY'\n")
    assert main(["config", "--config", str(path), "--json"]) == 2
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["readout"]["value"] is None
    assert found["workers"]["value"]
    assert "readout.toml: phones: a list of 1 to" in shown.err
    assert "CANARY" not in shown.out + shown.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can own a file for somebody else")
def test_programs_named_by_the_agents_own_user_are_good_for_root_who_looks(
    programs, values, capsys
):
    path = programs("[commands]\nphones = ['/usr/bin/x']\n", owner=4711)
    assert main(["config", "--config", str(path)]) == 2
    Path(values["home"]).mkdir(exist_ok=True)
    os.chown(values["home"], 4711, 4711)
    assert main(["config", "--config", str(path)]) == 0
    assert "readout.phones" in capsys.readouterr().out


@pytest.mark.parametrize(
    "place",
    ["/etc/minxyz/managed", r"HKLM\Software\MinXYZ\Managed", r"C:\ProgramData\MinXYZ\managed"],
)
def test_the_marker_of_a_managed_device_is_shown_and_locked_by_mdm(tmp_path, values, place):
    file = tmp_path / "agent.toml"
    file.write_text(toml({"mdm_marker": "/home/minister/fake"}))
    managed = tmp_path / "mdm.toml"
    managed.write_text(toml({**values, "mdm_marker": place}))
    config = load_config(file, mdm=ManagedFile(managed, toml_values, owner=os.getuid()))
    found = {one.name: one for one in shown(config, None)}["mdm_marker"]
    assert (config.marker, found.value) == (place, place)
    assert (found.provenance.origin, found.provenance.locked) == ("mdm", True)
    assert found.provenance.overridden == ("file",)


@pytest.mark.parametrize(
    "place", ["managed", "/", "/etc/../home/x", r"HKCU\Software\A\B", r"HKLM\A"]
)
def test_a_marker_that_anybody_could_make_is_refused(tmp_path, values, place):
    file = tmp_path / "agent.toml"
    file.write_text(toml({**values, "mdm_marker": place}))
    with pytest.raises(UsageError, match="mdm_marker"):
        load_config(file, mdm=Nothing())


def test_without_a_marker_nothing_is_looked_for(tmp_path, values):
    file = tmp_path / "agent.toml"
    file.write_text(toml(values))
    assert load_config(file, mdm=Nothing()).marker is None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"log_keys": ["REPLACE", "REPLACE"]}, "log_keys: verifier key"),
        ({"log_keys": []}, "log_keys: log keys: 0 keys where 2 belong"),
        ({"policy_keys": ["REPLACE"]}, "policy_keys: verifier key"),
        ({"threshold": 3}, "threshold: 3 of 2 policy keys cannot sign"),
    ],
)
def test_a_key_that_is_none_is_named_by_its_setting_and_where_that_stands(
    file, delivered, values, wrong, why
):
    with pytest.raises(UsageError, match=why) as caught:
        load_config(file(values), mdm=delivered({**values, **wrong}))
    assert "mdm.toml" in str(caught.value)
