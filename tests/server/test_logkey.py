# SPDX-License-Identifier: EUPL-1.2
"""The log's Ed25519 key in a real PKCS#11 token: SoftHSM's."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_core.keys import VerifierKey
from lakzegel_server.__main__ import main
from lakzegel_server.errors import ConfigError, LogKeyError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logkey import key as keymodule
from lakzegel_server.logkey import process as processmodule
from lakzegel_server.logkey.key import TokenKey
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logkey.token import TokenError, open_key
from lakzegel_server.logsigner import create, load_signer
from lakzegel_server.settings import Settings, load
from lakzegel_server.settings_logkey import LogKey

PLACES = ["softhsm/libsofthsm2.so", "*/softhsm/libsofthsm2.so"]
MODULES = [found for place in PLACES for found in sorted(Path("/usr/lib").glob(place))]
MODULE = next(iter(MODULES), None)
pytestmark = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None, reason="softhsm2 is not installed"
)
ORIGIN = "log.example/test"


class Token:
    """A token in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder / "tokens"
        self.folder.mkdir()
        self.configuration = folder / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {self.folder}\nlog.level = ERROR\n")
        self.pin_file = folder / "pin"
        self.pin("1234")

    def pin(self, text):
        self.pin_file.write_text(f"{text}\n")
        self.pin_file.chmod(0o600)

    def make(self):
        command = ["softhsm2-util", "--init-token", "--free", "--label", "seal"]
        subprocess.run(
            [*command, "--pin", "1234", "--so-pin", "5678"], check=True, capture_output=True
        )

    def place(self, **more):
        right = {"module": MODULE, "token": "seal", "key": "log", "pin_file": self.pin_file}
        return LogKey(**(right | more))

    def settings(self):
        return (
            f'[log_key]\nmodule = "{MODULE}"\ntoken = "seal"\nkey = "log"\n'
            f'pin_file = "{self.pin_file}"\n'
        )

    def leave(self):
        self.folder.rename(self.folder.with_name("away"))

    def come_back(self):
        self.folder.with_name("away").rename(self.folder)


@pytest.fixture
def token(tmp_path, monkeypatch):
    folder = tmp_path / "hsm"
    folder.mkdir()
    made = Token(folder)
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.configuration))
    made.make()
    return made


@pytest.fixture
def key(token):
    made = TokenKey.open(ORIGIN, token.place(), make=True)
    yield made
    made.close()


def initialise(tmp_path, token):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "settings.toml").write_text(token.settings())
    assert main(["init", "--data", str(data), "--name", ORIGIN]) == 0
    return Layout(data)


def log_keys_in(data):
    return sorted(path.name for path in (data / "keys").glob("log.*"))


def test_init_makes_the_key_in_the_token_and_check_needs_no_other(tmp_path, token, capsys):
    layout = initialise(tmp_path, token)
    assert log_keys_in(layout.data) == ["log.mldsa", "log.pkcs11"]
    printed = capsys.readouterr().out.splitlines()[0]
    assert f"{printed}\n" == layout.vkey.read_text() == layout.key("log.pkcs11").read_text()
    token.leave()  # nothing of what follows asks it
    assert main(["check", "--data", str(layout.data)]) == 0
    whole = layout.key("log.pkcs11").read_bytes()
    for place in range(0, len(whole), 7):
        layout.key("log.pkcs11").write_bytes(
            whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        )
        found = [str(doubt) for doubt in check(layout).doubts]
        assert any(d.startswith("keys/log.pkcs11: ") for d in found), place


def test_a_backup_says_which_key_the_log_has_and_needs_no_token(tmp_path, token, capsys):
    layout = initialise(tmp_path, token)
    token.leave()
    out, new = tmp_path / "out", tmp_path / "new"
    assert main(["backup", "--data", str(layout.data), str(out), "--keys"]) == 0
    assert main(["restore", "--from", str(out), "--data", str(new), "--check"]) == 0
    assert "0 doubts" in capsys.readouterr().out
    assert log_keys_in(new) == ["log.mldsa", "log.pkcs11"]


def test_init_uses_a_key_that_is_there(tmp_path, token, key):
    layout = initialise(tmp_path, token)
    assert VerifierKey.from_text(layout.vkey.read_text().strip()) == key.verifier


@pytest.mark.real_start
def test_a_receiver_seals_with_a_key_that_never_leaves_the_token(tmp_path, token, kit):
    layout = initialise(tmp_path, token)
    office = kit.Office()
    note = tmp_path / "delegation.note"
    note.write_bytes(office.delegation())
    assert main(["publish", "--data", str(layout.data), str(note)]) == 0
    settings = load(layout)
    signer = load_signer(layout, token=opener(settings))
    try:
        with kit.serving(layout, signer, settings=settings) as (url, _):
            client = kit.Client(url, signer.keys)
            assert client.checkpoint().checkpoint.size == 1
            client.close()
    finally:
        signer.ed25519.close()
    assert [str(doubt) for doubt in check(layout).doubts] == []


def test_without_its_token_a_log_stops_sealing_and_goes_on_when_it_is_back(
    tmp_path, token, kit, key, monkeypatch
):
    monkeypatch.setattr(keymodule, "AGAIN_SECONDS", 0.0)
    real = kit.create
    monkeypatch.setattr(kit, "create", lambda *a: real(*a, token=lambda _: key))
    with kit.world_at(tmp_path / "data") as world:
        device = world.enrol()
        first, second = device.seal([b"een"]), device.seal([b"twee"])
        assert world.client.put(first).status_code == 200
        before = world.client("GET", "/log/checkpoint").content
        token.leave()
        answer = world.client.put(second)
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("/log-key")
        assert world.desk.log.key_trouble is not None
        assert world.desk.log.shown.data == before  # nothing new is shown, and nothing lost
        token.come_back()
        answer = world.client.put(second)
        assert answer.status_code == 200
        world.receipt(answer, second)
        assert world.desk.log.key_trouble is None
        assert world.client.checkpoint().checkpoint.size == 5
        assert world.doubts() == []


def test_a_module_that_hangs_or_dies_is_left_and_opened_anew(key, monkeypatch):
    monkeypatch.setattr(keymodule, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(processmodule, "SIGN_SECONDS", 0.2)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        os.kill(key._process._process.pid, number)
        with pytest.raises(LogKeyError, match="device"):
            key.sign(b"x")
        assert key.trouble == "device"
        monkeypatch.setattr(processmodule, "SIGN_SECONDS", 10.0)
        key.verifier.verify(key.sign(b"x"), b"x")
        assert key.trouble is None


def test_a_token_that_failed_is_left_alone_for_a_while(key):
    now = 0.0
    key._monotonic = lambda: now
    key._process.close()
    with pytest.raises(LogKeyError):
        key.sign(b"x")
    now = keymodule.AGAIN_SECONDS - 0.1
    with pytest.raises(LogKeyError):
        key.sign(b"x")
    assert key._process is None
    now = keymodule.AGAIN_SECONDS
    assert key.sign(b"x")


def test_a_refused_pin_is_not_tried_again(key, token, monkeypatch):
    monkeypatch.setattr(keymodule, "AGAIN_SECONDS", 0.0)
    key._process.close()
    token.pin("wrong")
    with pytest.raises(LogKeyError):
        key.sign(b"x")
    with pytest.raises(LogKeyError, match="pin"):
        key.sign(b"x")
    token.pin("1234")
    with pytest.raises(LogKeyError, match="pin"):
        key.sign(b"x")


def test_another_key_under_the_label_signs_nothing(key, token, monkeypatch):
    monkeypatch.setattr(keymodule, "AGAIN_SECONDS", 0.0)
    key._process.close()
    token.leave()
    token.folder.mkdir()
    token.make()
    TokenKey.open(ORIGIN, token.place(), make=True).close()
    with pytest.raises(LogKeyError):
        key.sign(b"x")
    with pytest.raises(LogKeyError, match="other"):
        key.sign(b"x")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"module": Path("/nowhere/module.so")}, "log_key.module"),
        ({"module": Path(__file__)}, "log_key.module"),
        ({"token": "other"}, "log_key.token"),
        ({"key": "other"}, "log_key.key"),
    ],
)
def test_what_is_wrong_in_the_settings_is_said(token, wrong, says):
    with pytest.raises(ConfigError, match=says):
        TokenKey.open(ORIGIN, token.place(**wrong))


def test_a_wrong_pin_is_said_and_never_shown(token, capfd):
    token.pin("4321")
    with pytest.raises(ConfigError, match=r"log_key\.pin_file") as error:
        TokenKey.open(ORIGIN, token.place())
    assert "4321" not in str(error.value) + "".join(capfd.readouterr())


def test_without_the_extra_the_error_says_what_to_install(monkeypatch, token):
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(TokenError) as error:
        open_key(str(MODULE), "seal", "log", "1234", make=False)
    assert "server-hsm" in keymodule.explain(error.value)


def test_a_log_stays_with_the_kind_of_key_that_it_was_made_with(tmp_path, token, key):
    create(tmp_path / "file", ORIGIN, os.urandom(64))
    with pytest.raises(ConfigError, match="made with a key in a file"):
        load_signer(Layout(tmp_path / "file"), token=lambda _: key)
    create(tmp_path / "token", ORIGIN, os.urandom(64), token=lambda _: key)
    with pytest.raises(ConfigError, match="has no log_key"):
        load_signer(Layout(tmp_path / "token"), token=opener(Settings()))
    other = TokenKey.open(ORIGIN, token.place(key="second"), make=True)
    with pytest.raises(ConfigError, match="another than the log was made with"):
        load_signer(Layout(tmp_path / "token"), token=lambda _: other)
    other.close()
