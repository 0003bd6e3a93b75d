# SPDX-License-Identifier: EUPL-1.2
"""A device's keys at rest: what keeps them, what loses them, and what nobody may do silently."""

import contextlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lakzegel_agent import durable, keywraps
from lakzegel_agent.atrest import AtRest
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_agent.keywraps import LostError, UnusableError
from lakzegel_agent.keywraps.dpapi import Dpapi
from lakzegel_agent.keywraps.keychain import SERVICE, Keychain
from lakzegel_agent.keywraps.programs import Done
from lakzegel_agent.keywraps.tpm2 import Tpm2
from lakzegel_core.keys import Algorithm, SigningKey

TOOLS = ("swtpm", "tpm2_createprimary", "tpm2_create", "tpm2_load", "tpm2_unseal", "tpm2_clear")


class SoftTpm:
    """A TPM in software, of which a test may take another one's place."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tpm"))  # a socket's name is at most 107 bytes
        self.start()

    @property
    def tcti(self):
        return f"swtpm:path={self.folder}/socket"

    def start(self):
        (self.folder / "state").mkdir(exist_ok=True)
        subprocess.run(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}/state",
             "--ctrl", f"type=unixio,path={self.folder}/socket.ctrl",
             "--server", f"type=unixio,path={self.folder}/socket",
             "--flags", "not-need-init,startup-clear",
             "--pid", f"file={self.folder}/pid", "--daemon"],
            check=True,
        )  # fmt: skip

    def stop(self):
        os.kill(int((self.folder / "pid").read_text()), signal.SIGTERM)
        for name in ("socket", "socket.ctrl", "pid"):
            (self.folder / name).unlink(missing_ok=True)

    def clear(self):
        """As its owner does in the firmware's menu."""
        subprocess.run(["tpm2_clear", "-Q"], check=True)


@pytest.fixture
def tpm(monkeypatch):
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no software TPM: {', '.join(missing)} (Debian: swtpm, tpm2-tools)")
    made = SoftTpm()
    monkeypatch.setenv("TPM2TOOLS_TCTI", made.tcti)
    yield made
    made.stop()
    shutil.rmtree(made.folder)


class FakeKeychain:
    """`security` as its manual has it: what it was asked, what it keeps."""

    def __init__(self):
        self.kept, self.asked, self.locked = {}, [], False

    def __call__(self, words, *, given=b"", cwd=None):
        assert cwd is None
        self.asked.append(words)
        if words == ["security", "-i"]:
            verb, *rest = given.decode().split()
            fields = dict(zip(rest[::2], rest[1::2], strict=True))
            assert (verb, fields["-s"]) == ("add-generic-password", SERVICE)
            if not self.locked:
                self.kept[fields["-a"]] = fields["-w"]
            return Done(0, b"", "")
        if self.locked:
            return Done(36, b"", "User interaction is not allowed.")
        found = self.kept.get(words[-1])
        if found is None:
            return Done(44, b"", "The specified item could not be found in the keychain.")
        return Done(0, f"{found}\n".encode(), "")


def failed(number):
    """As Windows raises it; elsewhere an OSError has no such number."""
    error = OSError("crypt32")
    error.winerror = number
    return error


class FakeDpapi:
    """Protection under a key that an account may lose."""

    def __init__(self):
        self.key, self.locked = os.urandom(32), False

    def protect(self, data):
        self._open()
        return hmac.digest(self.key, data, "sha256") + bytes(b ^ 0x5A for b in data)

    def unprotect(self, blob):
        self._open()
        data = bytes(b ^ 0x5A for b in blob[32:])
        if blob[:32] != hmac.digest(self.key, data, "sha256"):
            raise failed(-0x7FF6FFF5)  # NTE_BAD_KEY_STATE, as a signed number
        return data

    def _open(self):
        if self.locked:
            raise failed(5)  # ERROR_ACCESS_DENIED

    def wrap(self):
        return Dpapi(self.protect, self.unprotect)


@pytest.fixture(params=["tpm2", "keychain", "dpapi"])
def place(request):
    """What makes a wrap of one place, and what its owner does to lose, to lock and to open it."""
    if request.param == "tpm2":
        soft = request.getfixturevalue("tpm")
        return Tpm2, soft.clear, soft.stop, soft.start
    if request.param == "keychain":
        chain = FakeKeychain()
        return (
            lambda: Keychain(chain),
            chain.kept.clear,
            lambda: setattr(chain, "locked", True),
            lambda: setattr(chain, "locked", False),
        )
    api = FakeDpapi()
    return (
        api.wrap,
        lambda: setattr(api, "key", os.urandom(32)),
        lambda: setattr(api, "locked", True),
        lambda: setattr(api, "locked", False),
    )


def test_every_place_gives_back_what_it_was_given(place):
    make, *_ = place
    for secret in (bytes(32), os.urandom(32)):
        blob = make().wrap(secret)
        assert len(blob) <= keywraps.MAX_BLOB
        assert secret not in blob
        assert secret.hex().encode() not in blob
        assert make().unwrap(blob) == secret


def test_what_a_place_lost_is_lost_and_said_so(place):
    make, lose, *_ = place
    blob = make().wrap(os.urandom(32))
    lose()
    with pytest.raises(LostError, match="run enrol with a new token"):
        make().unwrap(blob)


def test_a_place_that_is_shut_has_lost_nothing(place):
    make, _, shut, open_ = place
    secret = os.urandom(32)
    blob = make().wrap(secret)
    shut()
    with pytest.raises(UnusableError):
        make().unwrap(blob)
    with pytest.raises(UnusableError):
        make().wrap(secret)
    open_()
    assert make().unwrap(blob) == secret


def test_a_blob_that_was_changed_opens_nothing(place):
    make, *_ = place
    blob = make().wrap(os.urandom(32))
    step = max(1, len(blob) // 12)
    for changed in [b"", b"\0\0", blob[:-1], blob + b"x", *flips(blob, step)]:
        with pytest.raises((LostError, UnusableError)):
            make().unwrap(changed)


def flips(blob, step):
    for at in range(0, len(blob), step):
        yield blob[:at] + bytes([blob[at] ^ 0x40]) + blob[at + 1 :]


def test_no_secret_is_among_the_arguments_of_a_program(tpm):
    secret, asked = os.urandom(32), []

    def watched(words, **more):
        asked.append(" ".join(words))
        return keywraps_run(words, **more)

    from lakzegel_agent.keywraps.programs import run as keywraps_run  # noqa: PLC0415

    wrap = Tpm2(watched)
    assert wrap.unwrap(wrap.wrap(secret)) == secret
    chain = FakeKeychain()
    Keychain(chain).wrap(secret)
    asked += [" ".join(words) for words in chain.asked]
    assert len(asked) > 6
    assert not [words for words in asked if secret.hex() in words]


def test_a_tpm_whose_owner_has_a_password_is_not_usable_and_nothing_is_lost(tpm):
    subprocess.run(["tpm2_changeauth", "-Q", "-c", "owner", "geheim"], check=True)
    with pytest.raises(UnusableError, match="0x9a2"):
        Tpm2().wrap(os.urandom(32))


@pytest.mark.parametrize(
    ("errors", "error"),
    [
        ("Eys_Load(0x1DF) - tpm:parameter(1):integrity check failed", LostError),
        ("Esys_Load(0x9F) - tpm:integrity check failed", LostError),
        ("Esys_Load(0x902) - tpm:warn(2.0): out of memory for object contexts", UnusableError),
        ("Esys_Load(0x921) - tpm:warn(2.0): authorizations for objects are locked", UnusableError),
        ("Could not load tcti", UnusableError),
        ("", UnusableError),
    ],
)
def test_only_a_failed_integrity_check_of_the_tpm_is_the_end_of_a_key(errors, error):
    def recorded(words, **_):
        return Done(words[0] == "tpm2_load", b"", f"ERROR: {errors}\n")

    parts = b"\0\2ab" + b"\0\3abc"
    with pytest.raises(error) as caught:
        Tpm2(recorded).unwrap(b"\0\4" + parts)
    assert type(caught.value) is error


def test_a_system_without_the_programs_says_so(monkeypatch):
    monkeypatch.setattr("lakzegel_agent.keywraps.programs.FOLDERS", "/nowhere")
    for wrap in (Tpm2(), Keychain()):
        with pytest.raises(UnusableError, match="is not installed"):
            wrap.wrap(bytes(32))
    if sys.platform != "win32":
        with pytest.raises(UnusableError, match="part of Windows"):
            Dpapi()


# keys in files


class Box:
    """A place in memory."""

    def __init__(self):
        self.kept, self.asked, self.shut, self.lost = {}, 0, False, False

    def __call__(self):
        return self

    def wrap(self, secret):
        if self.shut:
            raise UnusableError("box: shut")
        blob = os.urandom(16)
        self.kept[blob] = secret
        return blob

    def unwrap(self, blob):
        self.asked += 1
        if self.shut:
            raise UnusableError("box: shut")
        if self.lost:
            raise LostError("box: lost; run enrol with a new token")
        return self.kept[blob]


@pytest.fixture
def box():
    return Box()


@pytest.fixture
def folder(tmp_path):
    """Keys as an agent of before left them, and somebody's passphrase for a phone."""
    for name, text in texts().items():
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "phone.pass").write_text("geheim\n")
    return tmp_path


def texts():
    made = {"ledger": "A" * 43 + "="}
    for role in ("header", "witness", "annex"):
        made |= {f"{role}-{epoch}": f"PRIVATE {role} {epoch}" for epoch in (0, 1)}
    return made


def at_rest(folder, box, **more):
    return AtRest(folder, {"box": box, **more})


def read(folder, box):
    rest = at_rest(folder, box)
    return {name: rest.opened(name, (folder / name).read_bytes()) for name in texts()}


def settle(folder, box, wanted, **more):
    rest = at_rest(folder, box, **more)
    rest.settle(wanted, random=os.urandom)
    return rest.kind


def plain(folder):
    return {name for name in texts() if b"PRIVATE" in (folder / name).read_bytes()}


def test_keys_are_wrapped_and_unwrapped_as_the_setting_says(folder, box):
    assert settle(folder, box, "plain") == "plain"
    assert not (folder / "store").exists()
    assert settle(folder, box, "box") == "box"
    assert plain(folder) == set()
    assert not [p for p in folder.iterdir() if b"PRIVATE" in p.read_bytes()]
    assert (folder / "phone.pass").read_text() == "geheim\n"
    assert read(folder, box) == texts()
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert settle(folder, box, "box") == "box"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert settle(folder, box, "plain") == "plain"
    assert not (folder / "store").exists()
    assert read(folder, box) == texts()


def test_auto_changes_nothing_that_is_there(folder, box, tmp_path):
    assert settle(folder, box, "auto") == "plain"
    assert len(plain(folder)) == 6
    settle(folder, box, "box")
    assert settle(folder, box, "auto") == "box"


def test_auto_takes_for_new_keys_the_first_place_that_works(tmp_path, box):
    shut, liar = Box(), Box()
    shut.shut = True
    liar.wrap = lambda _: os.urandom(16)
    liar.unwrap = lambda _: bytes(32)
    (tmp_path / "phone.pass").write_text("geheim\n")
    rest = AtRest(tmp_path, {"shut": shut, "liar": liar, "box": box})
    rest.settle("auto", random=os.urandom)
    assert rest.kind == "box"
    (tmp_path / "store").unlink()
    rest = AtRest(tmp_path, {"shut": shut, "liar": liar})
    rest.settle("auto", random=os.urandom)
    assert rest.kind == "plain"


def test_a_place_that_does_not_work_leaves_the_keys_as_they_were(folder, box):
    box.shut = True
    with pytest.raises(UsageError, match="box: shut"):
        settle(folder, box, "box")
    assert len(plain(folder)) == 6
    assert not (folder / "store").exists()
    box.shut = False
    box.unwrap = lambda _: bytes(32)
    with pytest.raises(UsageError, match="does not give back"):
        settle(folder, box, "box")
    assert len(plain(folder)) == 6


def test_a_place_that_lost_the_secret_never_gets_a_new_one(folder, box):
    settle(folder, box, "box")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    box.lost = True
    for wanted in ("box", "auto", "plain"):
        with contextlib.suppress(LostError):  # unless there is nothing to be done
            settle(folder, box, wanted)
        with pytest.raises(LedgerDamagedError, match="run enrol with a new token"):
            read(folder, box)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    with pytest.raises(LedgerDamagedError):
        KeyStoreOf(folder, box).ledger_key(random=os.urandom)


def KeyStoreOf(folder, box):  # noqa: N802 - a constructor with another place
    store = KeyStore(folder)
    store._at_rest = at_rest(folder, box)
    return store


def test_a_place_that_is_shut_makes_nobody_give_up_a_device(folder, box):
    settle(folder, box, "box")
    box.shut = True
    with pytest.raises(UsageError):
        read(folder, box)
    box.shut = False
    assert read(folder, box) == texts()


def test_the_secret_is_asked_for_once_and_only_where_it_is_needed(folder, box):
    settle(folder, box, "box")
    box.asked = 0
    rest = at_rest(folder, box)
    rest.settle("box", random=os.urandom)
    assert box.asked == 0
    for name in texts():
        rest.opened(name, (folder / name).read_bytes())
    assert box.asked == 1


def test_no_file_takes_another_ones_place_and_none_can_be_changed(folder, box):
    settle(folder, box, "box")
    rest = at_rest(folder, box)
    with pytest.raises(LedgerDamagedError, match="keys/header-1: holds header-0"):
        rest.opened("header-1", (folder / "header-0").read_bytes())
    data = (folder / "header-0").read_bytes()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            assert rest.opened("header-0", changed) != texts()["header-0"]
        except LedgerDamagedError:
            continue
        assert not changed.startswith(b"WRAPPED+")  # then it is no wrapped key, and no key at all


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b"v1", b"v2"),
        lambda data: data.replace(b"wrap box", b"wrap bag"),
        lambda data: data.replace(b"blob ", b"blob  "),
        lambda data: data + b"x" * 20_000,
        lambda _: None,
    ],
)
def test_a_store_that_is_not_what_was_stored_is_named(folder, box, change):
    settle(folder, box, "box")
    data = change((folder / "store").read_bytes())
    if data is None:
        (folder / "store").unlink()
    else:
        (folder / "store").write_bytes(data)
    with pytest.raises(LedgerDamagedError, match="keys/store"):
        read(folder, box)


class CrashError(Exception):
    """The process ended here."""


def crashes_at(step, patch):
    """Have the step-th write or sync of a folder be the last thing that never happened."""
    left = [step]

    def counted(real):
        def call(*args, **more):
            left[0] -= 1
            if not left[0]:
                raise CrashError
            return real(*args, **more)

        return call

    for name in ("_write_synced", "sync_folder"):
        patch.setattr(durable, name, counted(getattr(durable, name)))


@pytest.mark.parametrize(("first", "then"), [("plain", "box"), ("box", "plain")])
def test_a_crash_while_keys_are_wrapped_leaves_all_of_them_readable(
    tmp_path, box, monkeypatch, first, then
):
    crashed, steps = True, 0
    while crashed:
        steps += 1
        folder = tmp_path / str(steps)
        folder.mkdir()
        for name, text in texts().items():
            (folder / name).write_text(text + "\n")
        settle(folder, box, first)
        with monkeypatch.context() as patch:
            crashes_at(steps, patch)
            try:
                settle(folder, box, then)
                crashed = False
            except CrashError:
                pass
        assert read(folder, box) == texts()
        assert settle(folder, box, then) == then
        assert read(folder, box) == texts()
        assert len(plain(folder)) == (6 if then == "plain" else 0)
    assert steps > 12


def test_wrapping_is_that_of_rfc_5649(folder, box):
    """The RFC's own example, by the primitive that is used; and its shape in a file."""
    from cryptography.hazmat.primitives.keywrap import (  # noqa: PLC0415
        aes_key_wrap_with_padding,
    )

    kek = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    key = bytes.fromhex("c37b7e6492584340bed12207808941155068f738")
    wrapped = "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"
    assert aes_key_wrap_with_padding(kek, key).hex() == wrapped
    settle(folder, box, "box")
    line = (folder / "header-0").read_bytes()
    assert line.startswith(b"WRAPPED+")
    assert line.endswith(b"\n")


# the agent


def configure(root, served, pins, **more):
    values = {
        "server": served,
        "home": str(root),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        **more,
    }
    path = root.with_suffix(".toml")
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


@pytest.fixture
def agent(tmp_path, served, office):
    """Runs commands of an agent over a folder of mail; a `keystore` for its configuration."""
    mail, root = tmp_path / "mail", tmp_path / "home-2"
    mail.mkdir()
    (mail / "1.eml").write_bytes(b"Subject: x\n\nx")
    source = f"[[source]]\nname = 's1'\nkind = 'folder'\npath = '{mail}'\nsettle = '0s'\n"
    office.publish(office.policy_toml(1, more=source))

    def run(command, *more, code=0, **settings):
        config = configure(root, served, office.pins, **settings)
        done = subprocess.run(
            [sys.executable, "-m", "lakzegel_agent", command, "--config", str(config), *more],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    run.root = root
    return run


def lies(root):
    """Whether the keys lie wrapped."""
    files = [p for p in (root / "keys").iterdir() if p.suffix != ".note" and p.name != "store"]
    assert len(files) >= 4
    forms = {p.read_bytes().startswith(b"WRAPPED+") for p in files}
    assert len(forms) == 1
    return forms.pop()


def test_a_device_with_a_tpm_keeps_its_keys_under_it_by_itself(agent, office, tmp_path, tpm, log):
    agent("enrol", "--token-file", str(office.admit(tmp_path / "token-2")))
    assert lies(agent.root)
    agent("once")
    agent("rotate")
    assert lies(agent.root)
    status = json.loads(agent("status", "--json").stdout)
    assert (status["epoch"], status["keystore"]) == (1, "tpm2")
    (keys,) = [r for r in json.loads(agent("doctor", "--json").stdout) if r["what"] == "keys"]
    assert "tpm2" in keys["detail"]


def test_a_tpm_that_was_cleared_is_told_and_a_token_helps(agent, office, tmp_path, tpm, log):
    agent("enrol", "--token-file", str(office.admit(tmp_path / "token-2")))
    agent("once")
    tpm.clear()
    before = {p.name: p.read_bytes() for p in (agent.root / "keys").iterdir()}
    for command in ("once", "run", "status", "rotate"):
        said = agent(command, code=1).stderr
        assert said.count("\n") == 1
        assert "cleared or replaced" in said
        assert "run enrol with a new token" in said
    assert {p.name: p.read_bytes() for p in (agent.root / "keys").iterdir()} == before
    agent("enrol", "--token-file", str(office.admit(tmp_path / "token-3")))
    assert json.loads(agent("status", "--json").stdout)["epoch"] == 1
    (lost,) = agent.root.glob("lost-*")
    assert {p.name: p.read_bytes() for p in (lost / "keys").iterdir()} == before
    agent("once")


def test_a_tpm_that_is_away_is_no_reason_for_anything_new(agent, office, tmp_path, tpm, log):
    agent("enrol", "--token-file", str(office.admit(tmp_path / "token-2")))
    tpm.stop()
    before = {p.name: p.read_bytes() for p in (agent.root / "keys").iterdir()}
    said = agent("once", code=2).stderr
    assert "/dev/tpmrm0" in said
    agent("enrol", "--token-file", str(office.admit(tmp_path / "token-3")), code=2)
    told = agent("doctor", code=1).stdout
    assert "check that this user may use /dev/tpmrm0" in told
    assert "new token" not in told
    assert {p.name: p.read_bytes() for p in (agent.root / "keys").iterdir()} == before
    assert not list(agent.root.glob("lost-*"))
    tpm.start()
    agent("once")


def test_the_setting_wraps_and_unwraps_the_keys_of_a_device(agent, office, tmp_path, tpm, log):
    token = str(office.admit(tmp_path / "token-2"))
    agent("enrol", "--token-file", token, keystore="plain")
    assert not lies(agent.root)
    agent("once")  # auto leaves it as it is
    assert not lies(agent.root)
    agent("once", keystore="tpm2")
    assert lies(agent.root)
    agent("once", keystore="plain")
    assert not lies(agent.root)


def test_without_a_tpm_the_keys_are_plain_and_a_setting_that_cannot_be_is_refused(
    agent, office, tmp_path
):
    token = str(office.admit(tmp_path / "token-2"))
    agent("enrol", "--token-file", token)
    assert not lies(agent.root)
    assert json.loads(agent("status", "--json").stdout)["keystore"] == "plain"
    said = agent("once", code=2, keystore="tpm2").stderr
    assert "TPM" in said or "tpm2" in said
    assert not lies(agent.root)
    assert "keystore" in agent("once", code=2, keystore="vault").stderr


def test_a_signing_key_of_another_role_is_not_taken_from_a_file(tmp_path, box):
    """The names inside are checked twice: by the store, and by the note that introduces them."""
    key = SigningKey.from_seed("log.example/x", Algorithm.ED25519, bytes(32))
    rest = at_rest(tmp_path, box)
    rest.settle("box", random=os.urandom)
    data = rest.sealed("header-0", key.to_text())
    assert rest.opened("header-0", data) == key.to_text()
    with pytest.raises(LedgerDamagedError):
        rest.opened("witness-0", data)
