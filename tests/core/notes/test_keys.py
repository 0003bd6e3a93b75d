# SPDX-License-Identifier: EUPL-1.2
"""Keys: how they are written, what they refuse to verify, one role each."""

import pytest

from lakzegel_core.encoding import b64
from lakzegel_core.errors import FormatError, LimitError, RoleError, SignatureError
from lakzegel_core.keys import (
    Algorithm,
    KeyRegister,
    Role,
    RoleKey,
    SigningKey,
    VerifierKey,
    check_name,
)

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
# keys that other projects publish: the documentation of Go's note package, and C2SP signed-note
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
C2SP_VERIFIER = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
# order 1, 2, 4, 4, 8, 8, 8, 8; each y is in the curve's equation with d, checked below
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"


@pytest.mark.parametrize("text", [GO_VERIFIER, C2SP_VERIFIER])
def test_verifier_keys_of_other_projects_are_read_and_written_alike(text):
    key = VerifierKey.from_text(text)
    assert key.to_text() == text
    assert key.algorithm is Algorithm.ED25519


def test_the_signing_key_of_another_project_gives_its_verifier_key():
    key = SigningKey.from_text(GO_SIGNER)
    assert key.to_text() == GO_SIGNER
    assert key.verifier.to_text() == GO_VERIFIER


@pytest.mark.parametrize("algorithm", Algorithm)
def test_keys_of_every_type_come_back(parts, algorithm):
    key = parts.make_key("log.example/a", algorithm)
    assert SigningKey.from_text(key.to_text()) == key
    assert VerifierKey.from_text(key.verifier.to_text()) == key.verifier
    key.verifier.verify(key.sign(b"text"), b"text")


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_changed_signature_or_message_is_refused(parts, algorithm):
    key = parts.make_key("log.example/a", algorithm)
    signature = key.sign(b"text")
    for bit in range(0, len(signature) * 8, 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            key.verifier.verify(bytes(changed), b"text")
    for wrong in (b"", signature[:-1], signature + b"\0"):
        with pytest.raises(SignatureError, match="wrong length"):
            key.verifier.verify(wrong, b"text")
    with pytest.raises(SignatureError):
        key.verifier.verify(signature, b"texT")


def test_s_is_below_the_order(parts):
    key = parts.make_key("log.example/a")
    signature = key.sign(b"text")
    s = int.from_bytes(signature[32:], "little")
    for larger in (s + ORDER, ORDER, 2**256 - 1):
        altered = signature[:32] + larger.to_bytes(32, "little")
        with pytest.raises(SignatureError, match="S is not below"):
            key.verifier.verify(altered, b"text")


def small_order_points():
    eighth = int.from_bytes(bytes.fromhex(ORDER_8), "little")
    for y in (0, 1, FIELD - 1, eighth, FIELD - eighth):
        for sign in (0, 1):
            yield (y | sign << 255).to_bytes(32, "little")


@pytest.mark.parametrize("public", list(small_order_points()), ids=bytes.hex)
def test_no_point_of_small_order_is_a_key(public):
    with pytest.raises(FormatError, match="small order"):
        VerifierKey("log.example/a", Algorithm.ED25519, public)


def test_the_point_of_order_eight_is_one():
    # order 8 <=> doubled it is (x, y) with y = 0: 2y^2 of the double is 0, so y^2 = -x^2
    y = int.from_bytes(bytes.fromhex(ORDER_8), "little")
    d = -121665 * pow(121666, -1, FIELD) % FIELD
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, FIELD) % FIELD
    assert (x2 + y * y) % FIELD == 0


@pytest.mark.parametrize("y", [FIELD, FIELD + 1, FIELD + 3, 2**255 - 1])
@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.ED25519_COSIGNATURE])
def test_a_point_has_one_encoding(y, algorithm):
    for sign in (0, 1):
        with pytest.raises(FormatError, match="canonical"):
            VerifierKey("log.example/a", algorithm, (y | sign << 255).to_bytes(32, "little"))


def test_a_number_that_is_no_point_verifies_nothing(parts):
    signature = parts.make_key("log.example/a").sign(b"text")
    for y in range(2, 12):
        stranger = VerifierKey("log.example/a", Algorithm.ED25519, y.to_bytes(32, "little"))
        with pytest.raises(SignatureError):
            stranger.verify(signature, b"text")


def test_no_part_of_a_verifier_key_can_be_changed():
    for at, old in enumerate(GO_VERIFIER):
        for new in {chr(ord(old) + 1), old.swapcase(), ""} - {old}:
            text = GO_VERIFIER[:at] + new + GO_VERIFIER[at + 1 :]
            with pytest.raises(FormatError):
                VerifierKey.from_text(text)


@pytest.mark.parametrize(
    "text",
    ["", "+", "++", "a+b", "a+00000000+", "a+00000000+AA==", "a+00000000+////", GO_SIGNER],
)
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(FormatError):
        VerifierKey.from_text(text)


@pytest.mark.parametrize(
    "text", ["", GO_VERIFIER, GO_SIGNER[:-4], GO_SIGNER + "AA==", "PRIVATE+KEY+"]
)
def test_what_is_no_signing_key_is_refused(text):
    with pytest.raises(FormatError):
        SigningKey.from_text(text)


def test_a_key_of_unknown_type_is_refused(parts):
    material = parts.make_key("a").verifier.public
    for kind in (0x00, 0x02, 0x03, 0x05, 0xFF):
        with pytest.raises(FormatError, match="unknown signature type"):
            VerifierKey.from_text(f"a+00000000+{b64(bytes([kind]) + material)}")


def test_the_type_is_part_of_the_id(parts):
    key = parts.make_key("a").verifier
    cosigner = VerifierKey("a", Algorithm.ED25519_COSIGNATURE, key.public)
    assert cosigner.key_id != key.key_id


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a+b", "a\tb", "a\nb", "a\x00b", "a\u00a0b", "a\u2003b", "a\x7fb"]
)
def test_such_a_name_is_refused(name):
    with pytest.raises(FormatError):
        check_name(name)


def test_a_name_has_255_bytes_at_most():
    assert check_name("é" * 127 + "a")
    with pytest.raises(LimitError):
        check_name("é" * 128)


def test_a_signing_key_shows_no_secret(parts):
    assert repr(parts.make_key("log.example/a")) == "SigningKey(log.example/a)"


def test_a_seed_has_32_bytes():
    with pytest.raises(FormatError):
        SigningKey.from_seed("a", Algorithm.ED25519, bytes(31))


def test_a_key_has_one_role(parts):
    register = KeyRegister()
    key = parts.make_key("records.example/a").verifier
    register.add(RoleKey(Role.POLICY, key))
    register.add(RoleKey(Role.POLICY, key))
    with pytest.raises(RoleError, match="is a policy key, not a held key"):
        register.check(RoleKey(Role.HELD, key))


def test_another_name_or_type_does_not_make_it_another_key(parts):
    register = KeyRegister()
    key = parts.make_key("records.example/a").verifier
    register.add(RoleKey(Role.POLICY, key))
    for again in (
        VerifierKey("records.example/b", key.algorithm, key.public),
        VerifierKey(key.name, Algorithm.ED25519_COSIGNATURE, key.public),
    ):
        with pytest.raises(RoleError):
            register.check(RoleKey(Role.POLICY, again))


def test_of_all_characters_that_are_printed_only_the_space_is_one():
    """So a name is looked at as a whole, and not character by character."""
    found = [c for c in map(chr, range(0x110000)) if c.isspace() and c.isprintable()]

    assert found == [" "]
