# SPDX-License-Identifier: EUPL-1.2
"""How the key of Signal's database is unwrapped, on blobs that are made here."""

import json
from base64 import b64encode
from hashlib import pbkdf2_hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.errors import StoreError
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.signal_keys import MAX_CONFIG, database_key
from lakzegel_agent.stores.signal_secrets import SystemSecrets, answer_of, secrets

KEY = "0123456789abcdef" * 4
PASSWORD = b"wachtwoord van de sleutelbos"
MASTER = bytes(range(32))


class Keyring:
    """Secrets in memory, which remember what they were asked."""

    def __init__(self, password=None, protected=None):
        self.asked = []
        self._password = password
        self._protected = protected

    def password(self, backend):
        self.asked.append(backend)
        return self._password

    def unprotect(self, blob):
        self.asked.append(blob)
        return self._protected


def wrap(text, password, rounds, prefix):
    """As Chromium's os_crypt does on Linux and macOS."""
    padder = PKCS7(128).padder()
    padded = padder.update(text) + padder.finalize()
    key = pbkdf2_hmac("sha1", password, b"saltysalt", rounds, 16)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(b" " * 16)).encryptor()
    return (prefix + encryptor.update(padded) + encryptor.finalize()).hex()


def config(**fields):
    return json.dumps(fields).encode()


def state(blob=b"DPAPI" + b"protected"):
    return json.dumps({"os_crypt": {"encrypted_key": b64encode(blob).decode()}}).encode()


def unwrap(data, keyring, system="linux", local=b""):
    return database_key(data, lambda: local, keyring, system)


def test_an_older_configuration_has_the_key_itself_and_no_secret_is_asked():
    keyring = Keyring()
    assert unwrap(config(key=KEY), keyring) == KEY
    assert keyring.asked == []


@pytest.mark.parametrize("backend", ["gnome_libsecret", "kwallet5"])
def test_on_linux_the_keyring_that_the_configuration_names_is_asked(backend):
    keyring = Keyring(PASSWORD)
    wrapped = wrap(KEY.encode(), PASSWORD, 1, b"v11")
    data = config(encryptedKey=wrapped, safeStorageBackend=backend)
    assert unwrap(data, keyring) == KEY
    assert keyring.asked == [backend]


def test_a_blob_that_was_recorded_unwraps_to_the_same_key():
    recorded = (
        "7631300b9cf0a6eee9cf1aaac601b85ca37cf9c99903ddda1456a74e2f66567254c243fe"
        "a9ebd82d5568bec4d3e9f7f9fc98704902f8f71e58cb6f6bd75f9458fcb3f3ed897b7afe"
        "97b848fed1c9f55aeafaa8"
    )
    data = config(encryptedKey=recorded, safeStorageBackend="basic_text")
    assert unwrap(data, Keyring()) == KEY


def test_on_linux_without_a_keyring_the_password_is_everybodys():
    keyring = Keyring()
    wrapped = wrap(KEY.encode(), b"peanuts", 1, b"v10")
    assert unwrap(config(encryptedKey=wrapped, safeStorageBackend="basic_text"), keyring) == KEY
    assert keyring.asked == []


def test_on_macos_the_keychain_is_asked_and_stretched_more():
    keyring = Keyring(PASSWORD)
    wrapped = wrap(KEY.encode(), PASSWORD, 1003, b"v10")
    assert unwrap(config(encryptedKey=wrapped), keyring, "darwin") == KEY
    assert keyring.asked == ["keychain"]


def test_on_windows_the_key_is_wrapped_under_one_that_windows_protects():
    keyring = Keyring(protected=MASTER)
    nonce = bytes(12)
    wrapped = (b"v10" + nonce + AESGCM(MASTER).encrypt(nonce, KEY.encode(), None)).hex()
    assert unwrap(config(encryptedKey=wrapped), keyring, "win32", state()) == KEY
    assert keyring.asked == [b"protected"]


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        config(key=""),
        config(key=KEY + "0"),
        config(key=KEY[:-1] + "'"),
        config(encryptedKey=5),
        config(encryptedKey="763131"),
        config(encryptedKey="76313"),
        config(encryptedKey="7631310g"),
        config(encryptedKey="763131" + "00" * 15),
        config(encryptedKey="763131" + "00" * 16, safeStorageBackend=7),
        config(encryptedKey="763130" + "00" * 64),
        config(encryptedKey=wrap(b"short", PASSWORD, 1, b"v11")),
        config(encryptedKey=wrap(b"\xff" * 64, PASSWORD, 1003, b"v10")),
        config(key=KEY, more="x" * MAX_CONFIG),
    ],
)
def test_a_configuration_without_a_key_in_it_gives_none(system, data):
    with pytest.raises(StoreError, match="no-key"):
        unwrap(data, Keyring(PASSWORD, MASTER), system, state())


@pytest.mark.parametrize(
    ("local", "protected"),
    [
        (b"{}", MASTER),
        (b"", MASTER),
        (b'{"os_crypt":5}', MASTER),
        (b'{"os_crypt":{"encrypted_key":"x"}}', MASTER),
        (state(b"plain"), MASTER),
        (state(), None),
        (state(), b"short"),
        (state(), bytes(32)),
    ],
)
def test_on_windows_what_is_not_protected_for_this_user_gives_no_key(local, protected):
    nonce = bytes(12)
    wrapped = (b"v10" + nonce + AESGCM(MASTER).encrypt(nonce, KEY.encode(), None)).hex()
    with pytest.raises(StoreError, match="no-key"):
        unwrap(config(encryptedKey=wrapped), Keyring(protected=protected), "win32", local)


@pytest.mark.parametrize(("system", "rounds"), [("linux", 1), ("darwin", 1003)])
def test_a_user_who_is_told_nothing_has_no_key(system, rounds):
    prefix = b"v11" if system == "linux" else b"v10"
    wrapped = wrap(KEY.encode(), PASSWORD, rounds, prefix)
    data = config(encryptedKey=wrapped, safeStorageBackend="gnome_libsecret")
    for password in (None, b"another"):
        with pytest.raises(StoreError, match="no-key"):
            unwrap(data, Keyring(password), system)


@given(st.binary(max_size=200), st.sampled_from(["linux", "darwin", "win32"]))
def test_no_bytes_make_it_fail_otherwise(blob, system):
    for data in (blob, config(encryptedKey=blob.hex(), safeStorageBackend="gnome_libsecret")):
        with pytest.raises(StoreError, match="no-key"):
            unwrap(data, Keyring(PASSWORD, MASTER), system, blob)


def test_a_program_that_answers_is_believed_without_its_last_newline():
    assert answer_of(["/bin/echo", "geheim"]) == b"geheim"


@pytest.mark.parametrize(
    "command",
    [
        ["/bin/false"],
        ["/bin/true"],
        ["/nowhere/secret-tool"],
        ["/bin/sh", "-c", "echo geheim; exit 1"],
        ["/usr/bin/head", "-c", "5000", "/dev/zero"],
    ],
)
def test_a_program_that_fails_is_silent_or_talks_too_much_tells_nothing(command):
    assert answer_of(command) is None


def test_a_program_that_waits_for_somebody_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("lakzegel_agent.stores.signal_secrets.ASKED", 0.05)
    assert answer_of(["/bin/sleep", "60"]) is None


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("gnome_libsecret", "_SECRET_SERVICE"),
        ("kwallet", "_KWALLET"),
        ("kwallet6", "_KWALLET"),
        ("keychain", "_KEYCHAIN"),
    ],
)
def test_each_keyring_has_a_program_of_its_own(monkeypatch, backend, name):
    monkeypatch.setattr(f"lakzegel_agent.stores.signal_secrets.{name}", ("/bin/echo", name))
    assert secrets(system.me()).password(backend) == name.encode()


def test_a_keyring_that_nobody_knows_and_another_systems_protection_tell_nothing():
    assert SystemSecrets().password("basic_text") is None
    assert SystemSecrets().password("") is None
    assert SystemSecrets().unprotect(b"x") is None
