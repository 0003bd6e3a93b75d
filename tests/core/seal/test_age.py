# SPDX-License-Identifier: EUPL-1.2
"""age files: round trips, every flipped bit, and what must not be opened."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core import age, age_header, age_passphrase, age_stream, bech32
from lakzegel_core.errors import DecryptError, FormatError, LakzegelError, LimitError

ALICE = age.Identity.from_seed(bytes(range(32)))
BOB = age.Identity.from_seed(bytes(32))
CHEAP = 1  # log2 of scrypt's work, for tests


def test_keys_survive_their_text() -> None:
    assert ALICE.to_text().startswith("AGE-SECRET-KEY-PQ-1")
    assert age.Identity.from_text(ALICE.to_text()) == ALICE
    assert ALICE.recipient.to_text().startswith("age1pq1")
    assert age.Recipient.from_text(ALICE.recipient.to_text()) == ALICE.recipient


def test_a_secret_is_not_shown_by_repr() -> None:
    assert "seed" not in repr(ALICE)


def test_two_new_identities_differ() -> None:
    assert age.Identity.generate() != age.Identity.generate()


@pytest.mark.parametrize("text", [ALICE.to_text(), ALICE.recipient.to_text()])
def test_any_changed_letter_of_a_key_is_refused(text: str) -> None:
    parse = age.Identity.from_text if text.isupper() else age.Recipient.from_text
    for place in range(0, len(text), 1 if text.isupper() else 97):
        other = "Q" if text[place] != "Q" else "P"
        changed = text[:place] + (other if text.isupper() else other.lower()) + text[place + 1 :]
        if changed != text:
            with pytest.raises(FormatError):
                parse(changed)


@pytest.mark.parametrize(
    "text", ["", "1", "age1pq1", ALICE.to_text().lower(), "age1pq" + "q" * 5000, "age1pq1qé"]
)
def test_other_texts_are_not_keys(text: str) -> None:
    for parse in (age.Identity.from_text, age.Recipient.from_text):
        with pytest.raises(FormatError):
            parse(text)


def test_a_recipient_whose_lattice_half_is_no_key_is_refused() -> None:
    text = bech32.encode("age1pq", b"\xff" * 1_216)
    with pytest.raises(FormatError, match="ML-KEM"):
        age.Recipient.from_text(text)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072])
def test_each_recipient_opens_the_file(size: int) -> None:
    plaintext = bytes(size)
    data = age.encrypt(plaintext, [ALICE.recipient, BOB.recipient], random=os.urandom)
    for identity in (ALICE, BOB):
        assert age.decrypt(data, [identity], max_size=size) == plaintext
    assert len(data) == age_header.parse(data).size + age_stream.sealed_length(size)


def test_another_identity_does_not_open_it() -> None:
    data = age.encrypt(b"secret", [ALICE.recipient], random=os.urandom)
    with pytest.raises(DecryptError, match="no identity"):
        age.decrypt(data, [BOB], max_size=100)
    with pytest.raises(DecryptError, match="no identity"):
        age.decrypt(data, [], max_size=100)


def test_more_plaintext_than_asked_for_is_refused_before_it_is_decrypted() -> None:
    data = age.encrypt(bytes(101), [ALICE.recipient], random=os.urandom)
    with pytest.raises(LimitError):
        age.decrypt(data, [ALICE], max_size=100)


def test_no_recipients_or_one_twice_are_refused() -> None:
    for recipients in ([], [ALICE.recipient, ALICE.recipient]):
        with pytest.raises(FormatError):
            age.encrypt(b"", recipients, random=os.urandom)


def test_every_flipped_bit_of_the_header_s_end_and_payload_is_refused() -> None:
    data = age.encrypt(b"secret", [ALICE.recipient], random=os.urandom)
    start = data.index(b"\n---")
    for bit in range(start * 8, len(data) * 8):
        with pytest.raises(LakzegelError):
            age.decrypt(_flip(data, bit), [ALICE], max_size=100)


def test_a_flipped_bit_anywhere_in_the_header_is_refused() -> None:
    data = age.encrypt(b"secret", [ALICE.recipient], random=os.urandom)
    for bit in range(0, data.index(b"\n---") * 8, 61):
        with pytest.raises(LakzegelError):
            age.decrypt(_flip(data, bit), [ALICE], max_size=100)


def test_a_passphrase_opens_what_it_closed() -> None:
    data = age.encrypt_passphrase(b"key", "wachtwoord", random=os.urandom, work_factor=CHEAP)
    assert age.decrypt_passphrase(data, "wachtwoord", max_size=3) == b"key"
    with pytest.raises(DecryptError, match="another passphrase"):
        age.decrypt_passphrase(data, "Wachtwoord", max_size=3)


def test_the_default_work_factor_is_written_and_accepted() -> None:
    data = age.encrypt_passphrase(b"key", "wachtwoord", random=os.urandom)
    assert age_header.parse(data).stanzas[0].args[2] == str(age_passphrase.WORK_FACTOR)
    assert age.decrypt_passphrase(data, "wachtwoord", max_size=3) == b"key"


def test_a_work_factor_above_the_limit_is_neither_written_nor_tried() -> None:
    with pytest.raises(LimitError):
        age.encrypt_passphrase(b"", "x", random=os.urandom, work_factor=19)
    costly = age_header.Stanza(("scrypt", "A" * 22, "19"), bytes(32))
    with pytest.raises(LimitError):
        age_passphrase.unwrap((costly,), "x")


def test_a_passphrase_file_is_not_for_keys_and_the_other_way_round() -> None:
    closed = age.encrypt_passphrase(b"", "x", random=os.urandom, work_factor=CHEAP)
    with pytest.raises(DecryptError):
        age.decrypt(closed, [ALICE], max_size=10)
    wrapped = age.encrypt(b"", [ALICE.recipient], random=os.urandom)
    with pytest.raises(DecryptError):
        age.decrypt_passphrase(wrapped, "x", max_size=10)


def test_a_header_without_end_is_refused_at_its_limit() -> None:
    stanza = age_header.Stanza(("x",), bytes(age_header.MAX_HEADER)).to_bytes()
    with pytest.raises(LimitError):
        age_header.parse(age_header.VERSION + stanza)
    many = age_header.Stanza(("x",), b"").to_bytes() * (age_header.MAX_STANZAS + 1)
    with pytest.raises(LimitError):
        age_header.parse(age_header.VERSION + many)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    for attempt in (data, age_header.VERSION + data, age_header.VERSION + b"-> a\n\n--- " + data):
        with pytest.raises(LakzegelError):
            age.decrypt(attempt, [ALICE], max_size=100)


@given(st.text(max_size=80))
def test_random_texts_raise_only_our_errors(text: str) -> None:
    for attempt in (text, "age1pq1" + text, "AGE-SECRET-KEY-PQ-1" + text):
        for parse in (age.Identity.from_text, age.Recipient.from_text):
            with pytest.raises(LakzegelError):
                parse(attempt)


@given(st.binary(max_size=200))
def test_bech32_gives_back_what_it_was_given(data: bytes) -> None:
    assert bech32.decode(bech32.encode("age", data), prefix="age", what="x") == data


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
