# SPDX-License-Identifier: EUPL-1.2
"""Signed notes: one encoding, and signatures of exactly the keys that are asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core import note
from lakzegel_core.encoding import b64
from lakzegel_core.errors import (
    FormatError,
    LimitError,
    MissingSignatureError,
    SignatureError,
    UnknownKeyError,
)
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey

TEXT = b"Regel een\n\nRegel drie\n"
# published with Go's note package
GO_TEXT = (
    b"If you think cryptography is the answer to your problem,\n"
    b"then you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
GO_NOTE = GO_TEXT + f"\n— PeterNeumann {GO_SIGNATURE}\n".encode()
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
# the example of C2SP signed-note; its key is not published there
C2SP_NOTE = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU"
    "0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
).encode()


@pytest.fixture(scope="module")
def keys(parts):
    return [parts.make_key(f"records.example/{n}") for n in range(5)]


def verifiers(keys):
    return [key.verifier for key in keys]


def test_the_note_of_another_project_is_opened_and_made():
    key = VerifierKey.from_text(GO_VERIFIER)
    assert note.open_exact(GO_NOTE, [key]).text == GO_TEXT
    assert note.sign(GO_TEXT, [SigningKey.from_text(GO_SIGNER)]) == GO_NOTE


def test_the_example_of_the_specification_is_read():
    parsed = note.parse(C2SP_NOTE)
    assert parsed.text.endswith("\n\ned è subito sera.\n".encode())
    (signature,) = parsed.signatures
    assert signature.name == "quasimodo.example/salvatore"
    assert signature.key_id.hex() == "367ba04b"


@given(st.data())
def test_no_flipped_bit_is_overlooked(data):
    key = VerifierKey.from_text(GO_VERIFIER)
    changed = bytearray(GO_NOTE)
    changed[data.draw(st.integers(0, len(GO_NOTE) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((FormatError, SignatureError)):
        note.open_exact(bytes(changed), [key])


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_hostile_bytes_are_refused_or_come_back_the_same(data):
    try:
        parsed = note.parse(data)
    except FormatError:
        return
    assert parsed.to_bytes() == data


SIGNATURE = f"— a {b64(bytes(68))}\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        f"text\n{SIGNATURE}".encode(),  # no blank line
        f"\n{SIGNATURE}".encode(),  # no text
        f"text\n\n{SIGNATURE[:-1]}".encode(),  # no last newline
        f"text\n\n{SIGNATURE}\n".encode(),
        f"text\n\n{SIGNATURE}text\n".encode(),
        f"text\r\n\r\n{SIGNATURE}".encode(),
        f"te\txt\n\n{SIGNATURE}".encode(),
        f"te\0xt\n\n{SIGNATURE}".encode(),
        f"te\x1bxt\n\n{SIGNATURE}".encode(),
        f"text\n\n{SIGNATURE}".encode().replace(b"text", b"te\xffxt"),
        f"text\n\n{SIGNATURE}".replace("—", "-").encode(),
        f"text\n\n{SIGNATURE}".replace("— ", "—").encode(),
        f"text\n\n{SIGNATURE}".replace("— a", "— a ").encode(),
        f"text\n\n{SIGNATURE}".replace("— a", "— ").encode(),
        f"text\n\n{SIGNATURE}".replace("— a", "— a+b").encode(),
        f"text\n\n{SIGNATURE}".replace("— a", "— a\u00a0b").encode(),
        f"text\n\n{SIGNATURE}".replace("=\n", "= \n").encode(),
        f"text\n\n— a {b64(bytes(4))}\n".encode(),
        f"text\n\n— a {b64(bytes(3))}\n".encode(),
        "text\n\n— a \n".encode(),
        "text\n\n— a AAAAAAB=\n".encode(),
    ],
)
def test_what_is_no_note_is_refused(data):
    with pytest.raises(FormatError):
        note.parse(data)


def test_a_note_has_sixteen_signatures_at_most():
    assert len(note.parse(f"text\n\n{SIGNATURE * 16}".encode()).signatures) == 16
    with pytest.raises(LimitError, match="17 signatures"):
        note.parse(f"text\n\n{SIGNATURE * 17}".encode())


def test_a_note_is_not_parsed_beyond_its_limit():
    data = f"text\n\n{SIGNATURE}".encode()
    assert note.parse(data, max_size=len(data))
    with pytest.raises(LimitError):
        note.parse(data, max_size=len(data) - 1)


def test_a_text_that_no_note_can_have_is_not_signed(keys):
    for text in (b"", b"no newline", b"tab\t\n"):
        with pytest.raises(FormatError):
            note.sign(text, keys[:1])


# open_exact


def test_exactly_the_keys_in_their_order(keys):
    data = note.sign(TEXT, keys[:2])
    assert note.open_exact(data, verifiers(keys[:2])).text == TEXT
    with pytest.raises(UnknownKeyError):
        note.open_exact(data, verifiers([keys[1], keys[0]]))
    with pytest.raises(MissingSignatureError):
        note.open_exact(data, verifiers(keys[:3]))
    with pytest.raises(UnknownKeyError):
        note.open_exact(data, verifiers(keys[:1]))


def test_a_line_of_a_stranger_is_not_passed_over(keys):
    for order in ([keys[0], keys[4]], [keys[4], keys[0]]):
        with pytest.raises(UnknownKeyError):
            note.open_exact(note.sign(TEXT, order), verifiers(keys[:1]))


def test_one_line_twice_is_one_too_many(keys):
    with pytest.raises(UnknownKeyError):
        note.open_exact(note.sign(TEXT, [keys[0], keys[0]]), verifiers(keys[:1]))


def test_a_key_of_the_same_name_is_another_key(parts):
    one, other = (parts.make_key("records.example/a", salt=salt) for salt in ("1", "2"))
    with pytest.raises(UnknownKeyError):
        note.open_exact(note.sign(TEXT, [one]), [other.verifier])


def test_a_cosigners_key_signs_no_note(parts):
    key = parts.make_key("records.example/a", Algorithm.ED25519_COSIGNATURE)
    with pytest.raises(UnknownKeyError, match="checkpoints only"):
        note.open_exact(note.sign(TEXT, [key]), [key.verifier])


# open_threshold


@pytest.mark.parametrize("chosen", [(0, 1), (0, 2), (1, 2)])
def test_any_two_of_three_in_order(keys, chosen):
    data = note.sign(TEXT, [keys[n] for n in chosen])
    assert note.open_threshold(data, verifiers(keys[:3]), 2).text == TEXT


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ((0,), MissingSignatureError),
        ((1, 0), UnknownKeyError),
        ((0, 1, 2), UnknownKeyError),
        ((0, 0), UnknownKeyError),
        ((0, 4), UnknownKeyError),
        ((4, 0), UnknownKeyError),
    ],
)
def test_no_other_two_of_three(keys, chosen, error):
    data = note.sign(TEXT, [keys[n] for n in chosen])
    with pytest.raises(error):
        note.open_threshold(data, verifiers(keys[:3]), 2)


def test_one_key_under_two_names_or_named_twice_counts_once(keys):
    key = keys[0]
    alias = SigningKey.from_seed("records.example/alias", Algorithm.ED25519, key.seed)
    for pair in ([key, key], [key, alias]):
        with pytest.raises(UnknownKeyError):
            note.open_threshold(note.sign(TEXT, pair), verifiers(pair), 2)


def test_a_wrong_signature_among_enough_refuses(keys):
    good = note.sign(TEXT, keys[:2])
    other = note.sign(b"another\n", keys[:2])
    mixed = note.parse(good).signatures[0], note.parse(other).signatures[1]
    with pytest.raises(SignatureError):
        note.open_threshold(note.Note(TEXT, mixed).to_bytes(), verifiers(keys[:3]), 2)


# open_known


def test_strangers_are_passed_over_where_that_is_allowed(keys):
    data = note.sign(TEXT, [keys[4], keys[0], keys[3], keys[1]])
    opened, found = note.open_known(data, verifiers(keys[:3]))
    assert opened.text == TEXT
    assert list(found) == verifiers([keys[0], keys[1]])


def test_somebody_must_be_known(keys):
    with pytest.raises(MissingSignatureError):
        note.open_known(note.sign(TEXT, keys[3:]), verifiers(keys[:3]))


def test_a_known_key_whose_signature_fails_refuses_the_whole(keys):
    wrong = note.parse(note.sign(b"another\n", keys[1:2])).signatures
    good = note.parse(note.sign(TEXT, keys[:1])).signatures
    with pytest.raises(SignatureError):
        note.open_known(note.Note(TEXT, good + wrong).to_bytes(), verifiers(keys[:3]))


def test_nobody_is_found_twice(keys):
    with pytest.raises(FormatError, match="signed twice"):
        note.open_known(note.sign(TEXT, [keys[0], keys[0]]), verifiers(keys[:3]))
