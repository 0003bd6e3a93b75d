# SPDX-License-Identifier: EUPL-1.2
"""Checkpoints carry both of the log's signatures; a witness counts once, for what it saw."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core.checkpoint import (
    Checkpoint,
    LogKeys,
    open_checkpoint,
    peek_checkpoint,
    sign_checkpoint,
)
from lakzegel_core.cosignature import add_cosignature, cosign, verify_cosignature
from lakzegel_core.encoding import b64
from lakzegel_core.errors import (
    FormatError,
    LakzegelError,
    LimitError,
    MissingSignatureError,
    RoleError,
    SignatureError,
    UnknownKeyError,
)
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_TIMESTAMP, MAX_TREE
from lakzegel_core.note import Note, Signature, parse
from lakzegel_core.quorum import Quorum, require_quorum

ORIGIN = "log.example/test"
TREE = Checkpoint(ORIGIN, 1042, bytes(range(32)))
NOW = 1_763_950_065
COSIGNERS = (Algorithm.ED25519_COSIGNATURE, Algorithm.MLDSA44_COSIGNATURE)


@pytest.fixture(scope="module")
def signers(parts):
    return parts.make_key(ORIGIN), parts.make_key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)


@pytest.fixture(scope="module")
def log(signers):
    return LogKeys(*(key.verifier for key in signers))


@pytest.fixture(scope="module")
def signed(signers):
    return sign_checkpoint(TREE, *signers, now=NOW)


@pytest.fixture(scope="module")
def witnesses(parts):
    return [
        parts.make_key(f"w.example/{n}", algorithm)
        for n, algorithm in enumerate((*COSIGNERS, Algorithm.ED25519_COSIGNATURE))
    ]


def cosigned(data, *witnesses, now=NOW):
    for key in witnesses:
        data = add_cosignature(data, cosign(TREE, key, now=now))
    return data


def lines_of(data):
    return list(parse(data, max_size=MAX_CHECKPOINT).signatures)


def with_lines(data, lines):
    return Note(parse(data, max_size=MAX_CHECKPOINT).text, tuple(lines)).to_bytes()


def test_both_signatures_open_it(signed, log):
    opened = open_checkpoint(signed, log)
    assert (opened.checkpoint, opened.signed_at, opened.data) == (TREE, NOW, signed)
    assert opened.cosignatures == ()
    assert peek_checkpoint(signed) == TREE
    lines = lines_of(signed)
    assert open_checkpoint(with_lines(signed, lines[::-1]), log).checkpoint == TREE


@pytest.mark.parametrize(("kept", "missing"), [(0, "ML-DSA-44"), (1, "Ed25519")])
def test_a_stripped_signature_is_missed(signed, log, kept, missing):
    data = with_lines(signed, lines_of(signed)[kept : kept + 1])
    with pytest.raises(MissingSignatureError, match=f"the log's {missing} signature is missing"):
        open_checkpoint(data, log)


def test_a_signature_over_another_tree_is_refused(signed, signers, log):
    other = sign_checkpoint(replace(TREE, size=1043), *signers, now=NOW)
    for n in (0, 1):
        lines = lines_of(signed)
        lines[n] = lines_of(other)[n]
        with pytest.raises(SignatureError):
            open_checkpoint(with_lines(signed, lines), log)


def test_the_time_is_signed(signed, log):
    first, second = lines_of(signed)
    for raw in (b"\0" + second.raw[1:], (NOW + 1).to_bytes(8, "big") + second.raw[8:]):
        if raw == second.raw:
            continue
        with pytest.raises(SignatureError):
            open_checkpoint(with_lines(signed, [first, replace(second, raw=raw)]), log)
    beyond = (MAX_TIMESTAMP + 1).to_bytes(8, "big") + second.raw[8:]
    with pytest.raises(LimitError):
        open_checkpoint(with_lines(signed, [first, replace(second, raw=beyond)]), log)


@given(st.data())
@settings(max_examples=80)
def test_no_flipped_bit_is_overlooked(signed, log, data):
    changed = bytearray(signed)
    changed[data.draw(st.integers(0, len(signed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(LakzegelError):
        open_checkpoint(bytes(changed), log)


def test_another_log_is_refused(signed, parts, signers):
    others = [parts.make_key("log.example/other", k.verifier.algorithm) for k in signers]
    with pytest.raises(MissingSignatureError):
        open_checkpoint(signed, LogKeys(*(key.verifier for key in others)))
    posing = sign_checkpoint(replace(TREE, origin="log.example/other"), *signers, now=NOW)
    with pytest.raises(FormatError, match=r"of log log\.example/other, not log\.example/test"):
        open_checkpoint(posing, LogKeys(*(key.verifier for key in signers)))
    same_name = [parts.make_key(ORIGIN, k.verifier.algorithm, "salt") for k in signers]
    with pytest.raises(MissingSignatureError):
        open_checkpoint(signed, LogKeys(*(key.verifier for key in same_name)))


def test_one_key_signs_once(signed, log):
    lines = lines_of(signed)
    for extra in lines:
        with pytest.raises(FormatError, match="signed twice"):
            open_checkpoint(with_lines(signed, [*lines, extra]), log)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"a\n1\n",
        f"a\n1\n{b64(bytes(32))}".encode(),
        f"a\n1\n{b64(bytes(32))}\nextension\n".encode(),
        f"a\n1\n{b64(bytes(31))}\n".encode(),
        f"a\n01\n{b64(bytes(32))}\n".encode(),
        f"a\n-1\n{b64(bytes(32))}\n".encode(),
        f"a\n{MAX_TREE + 1}\n{b64(bytes(32))}\n".encode(),
        f"\n1\n{b64(bytes(32))}\n".encode(),
        f"a b\n1\n{b64(bytes(32))}\n".encode(),
        f"a+b\n1\n{b64(bytes(32))}\n".encode(),
        f"a\n1 \n{b64(bytes(32))}\n".encode(),
        f"a\n1\n{b64(bytes(32))[:-1]}\n".encode(),
    ],
)
def test_no_other_text_is_a_checkpoint(text):
    with pytest.raises(FormatError):
        Checkpoint.from_text(text)


def test_a_checkpoint_beyond_its_limit_is_not_parsed(signed, log):
    padding = f"— a {b64(bytes(MAX_CHECKPOINT))}\n".encode()
    with pytest.raises(LimitError):
        open_checkpoint(signed + padding, log)


def test_the_logs_keys_are_one_of_each_type_and_one_name(signers, parts):
    ed25519, mldsa = (key.verifier for key in signers)
    assert LogKeys.from_texts([mldsa.to_text(), ed25519.to_text()]) == LogKeys(ed25519, mldsa)
    for pair in ((mldsa, ed25519), (ed25519, ed25519), (mldsa, mldsa)):
        with pytest.raises(RoleError):
            LogKeys(*pair)
    with pytest.raises(RoleError, match="different names"):
        LogKeys(parts.make_key("log.example/other").verifier, mldsa)
    for texts in ([], [ed25519.to_text()], [ed25519.to_text()] * 3):
        with pytest.raises(FormatError):
            LogKeys.from_texts(texts)


# cosignatures


@pytest.mark.parametrize("algorithm", COSIGNERS)
def test_a_cosignature_holds_for_its_tree_key_and_time_only(parts, algorithm):
    key = parts.make_key("w.example/a", algorithm)
    line = cosign(TREE, key, now=NOW)
    assert verify_cosignature(TREE, line, key.verifier).timestamp == NOW
    for tree in (
        replace(TREE, size=1041),
        replace(TREE, root=bytes(32)),
        replace(TREE, origin="log.example/other"),
    ):
        with pytest.raises(SignatureError):
            verify_cosignature(tree, line, key.verifier)
    later = replace(line, raw=(NOW + 1).to_bytes(8, "big") + line.raw[8:])
    with pytest.raises(SignatureError):
        verify_cosignature(TREE, later, key.verifier)
    for raw in (line.raw[:-1], line.raw + b"\0", line.raw[8:]):
        with pytest.raises(FormatError):
            verify_cosignature(TREE, replace(line, raw=raw), key.verifier)
    with pytest.raises(UnknownKeyError):
        verify_cosignature(TREE, line, parts.make_key("w.example/b", algorithm).verifier)


def test_what_is_signed_is_what_the_specification_says(parts):
    key = parts.make_key("w.example/a", Algorithm.ED25519_COSIGNATURE)
    line = cosign(TREE, key, now=NOW)
    message = b"cosignature/v1\ntime %d\n" % NOW + TREE.to_text()
    key.verifier.verify(line.raw[8:], message)
    key = parts.make_key("w.example/a", Algorithm.MLDSA44_COSIGNATURE)
    line = cosign(TREE, key, now=NOW)
    message = (
        b"subtree/v1\n\0\x0bw.example/a"
        + NOW.to_bytes(8, "big")
        + b"\x10log.example/test"
        + bytes(8)
        + (1042).to_bytes(8, "big")
        + TREE.root
    )
    key.verifier.verify(line.raw[8:], message)


def test_a_key_that_signs_notes_cosigns_nothing(parts):
    with pytest.raises(UnknownKeyError, match="not a cosigner"):
        cosign(TREE, parts.make_key("w.example/a"), now=NOW)


def test_witnesses_that_were_asked_for_are_found(signed, log, witnesses):
    data = cosigned(signed, *witnesses)
    asked = [witnesses[1].verifier, witnesses[0].verifier]
    found = open_checkpoint(data, log, witnesses=asked).cosignatures
    assert [line.key for line in found] == asked
    assert {line.timestamp for line in found} == {NOW}


def test_a_stranger_is_passed_over_but_a_known_witness_that_fails_is_not(signed, log, witnesses):
    one, other = witnesses[:2]
    data = cosigned(signed, one, other)
    lines = lines_of(data)
    lines[2] = replace(lines[2], raw=lines[2].raw[:-1] + bytes([lines[2].raw[-1] ^ 1]))
    broken = with_lines(data, lines)
    found = open_checkpoint(broken, log, witnesses=[other.verifier]).cosignatures
    assert [line.key for line in found] == [other.verifier]
    with pytest.raises(SignatureError):
        open_checkpoint(broken, log, witnesses=[one.verifier])


def test_a_newer_cosignature_of_the_same_key_takes_the_place_of_the_old(signed, log, witnesses):
    key = witnesses[0]
    data = cosigned(cosigned(signed, key), key, now=NOW + 60)
    (found,) = open_checkpoint(data, log, witnesses=[key.verifier]).cosignatures
    assert found.timestamp == NOW + 60
    assert len(lines_of(data)) == 3


def test_a_checkpoint_has_sixteen_lines_at_most(signed):
    lines = [Signature(f"w.example/{n}", bytes(4), bytes(72)) for n in range(14)]
    full = with_lines(signed, [*lines_of(signed), *lines])
    with pytest.raises(LimitError, match="already has 16"):
        add_cosignature(full, Signature("w.example/more", bytes(4), bytes(72)))
    assert add_cosignature(full, replace(lines[0], raw=bytes(73)))


# quorum


def test_a_quorum_needs_as_many_as_it_says(signed, log, witnesses):
    keys = tuple(key.verifier for key in witnesses)
    opened = open_checkpoint(cosigned(signed, *witnesses[:2]), log, witnesses=keys)
    for threshold in (0, 1, 2):
        require_quorum(opened, Quorum(keys, threshold))
    with pytest.raises(MissingSignatureError, match="2 of 3 witnesses"):
        require_quorum(opened, Quorum(keys, 3))


def test_only_its_own_witnesses_count(signed, log, witnesses):
    keys = tuple(key.verifier for key in witnesses)
    opened = open_checkpoint(cosigned(signed, *witnesses[:2]), log, witnesses=keys)
    with pytest.raises(MissingSignatureError):
        require_quorum(opened, Quorum(keys[2:], 1))
    not_asked = open_checkpoint(cosigned(signed, *witnesses[:2]), log)
    with pytest.raises(MissingSignatureError):
        require_quorum(not_asked, Quorum(keys, 1))


def test_the_same_key_counts_once(signed, log, witnesses):
    key = witnesses[0].verifier
    opened = open_checkpoint(cosigned(signed, witnesses[0]), log, witnesses=[key, key])
    with pytest.raises(MissingSignatureError, match="1 of 2"):
        require_quorum(opened, Quorum((key, witnesses[1].verifier), 2))
    alias = VerifierKey("w.example/alias", key.algorithm, key.public)
    for pair in ((key, key), (key, alias)):
        with pytest.raises(FormatError, match="named twice"):
            Quorum(pair, 1)


@pytest.mark.parametrize("threshold", [-1, 2])
def test_a_quorum_that_cannot_be_had_is_refused(witnesses, threshold):
    with pytest.raises(FormatError, match="cannot be had"):
        Quorum((witnesses[0].verifier,), threshold)


def test_a_key_that_cannot_cosign_is_no_witness(parts):
    with pytest.raises(FormatError, match="type 0x04 or 0x06"):
        Quorum((parts.make_key("w.example/a").verifier,), 1)
