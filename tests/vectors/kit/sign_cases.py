# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of notes, checkpoints, cosignatures and receipts."""

from __future__ import annotations

from kit import hostile, rotation
from kit.case import OK, Case, kept
from kit.text_cases import Row, table
from kit.world import (
    LOG,
    LOG_INPUTS,
    LOG_MLDSA,
    MIRROR,
    NOW,
    ORIGIN,
    POLICY_1,
    POLICY_2,
    STRANGER,
    WITNESS,
    checkpoint,
    key,
    log,
    reader,
    vkey,
)
from lakzegel_core import note
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.encoding import b64
from lakzegel_core.keys import SigningKey
from lakzegel_core.note import Note, Signature
from lakzegel_core.receipt import make_receipt
from lakzegel_core.tlogproof import TlogProof

F, L = "FormatError", "LimitError"
TEXT = b"lakzegel.nl/example/v1\nlog log.example/test\n"
ORDER = 2**252 + 27742317777372353535851937790883648493


def note_cases() -> list[Case]:
    one = note.sign(TEXT, [POLICY_1])
    both = note.sign(TEXT, [POLICY_1, POLICY_2])
    line = note.parse(one).signatures[0]
    big_s = int.from_bytes(line.raw[32:], "little") + ORDER
    malleable = Signature(line.name, line.key_id, line.raw[:32] + big_s.to_bytes(32, "little"))
    cosigner = Signature(WITNESS.verifier.name, WITNESS.verifier.key_id, WITNESS.sign(TEXT))
    crowd = [key(f"witness-{n}.example/test") for n in range(17)]
    rows: list[Row] = [
        ("one-signature", OK, "the smallest note of ours", one),
        ("blank-line-in-text", OK, "the last blank line ends the text", note.sign(TEXT + b"\nx\n", [POLICY_1])),
        ("altered", "SignatureError", "one letter of the text", one.replace(b"example/v1", b"exbmple/v1")),
        ("s-not-reduced", "SignatureError", "S + L also fits the equation: the note could be altered", Note(TEXT, (malleable,)).to_bytes()),
        ("another-key", "UnknownKeyError", "signed by somebody else", note.sign(TEXT, [POLICY_2])),
        ("key-id-of-another", "UnknownKeyError", "the right name, another id", Note(TEXT, (Signature(line.name, b"\0\0\0\0", line.raw),)).to_bytes()),
        ("one-too-many", "UnknownKeyError", "exactly the required signatures", both),
        ("signature-short", "SignatureError", "63 bytes", Note(TEXT, (Signature(line.name, line.key_id, line.raw[:-1]),)).to_bytes()),
        ("signature-empty", F, "a key id and nothing", one.replace(line.to_line().encode(), f"— {line.name} {b64(line.key_id)}\n".encode())),
        ("no-blank-line", F, "text and signatures are apart", one.replace(b"\n\n", b"\n")),
        ("no-text", F, "nothing is signed", b"\n" + line.to_line().encode()),
        ("no-final-newline", F, "every line ends", one[:-1]),
        ("crlf", F, "control characters", one.replace(b"\n", b"\r\n")),
        ("tab", F, "control characters", one.replace(b"log log", b"log\tlog")),
        ("nul", F, "control characters", one.replace(b"log log", b"log\0log")),
        ("not-utf8", F, "an overlong slash", one.replace(b"log log", b"log \xc0\xaf")),
        ("hyphen", F, "a dash U+2014, not a hyphen", one.replace("— ".encode(), b"- ")),
        ("two-spaces", F, "one space between name and signature", one.replace(b"test-policy ", b"test-policy  ")),
        ("text-after", F, "signature lines end the note", one + b"text\n"),
        ("base64-without-padding", F, "canonical base64", one.replace(b"=\n", b"\n")),
        ("17-signatures", L, "16 lines at most", note.sign(TEXT, crowd[:16]) + note.parse(note.sign(TEXT, [crowd[16]])).signatures[0].to_line().encode()),
        ("too-large", L, "65,535 bytes at most", one.replace(b"log log", b"log " + b"x" * 65_535)),
    ]  # fmt: skip
    two = (*vkey(POLICY_1, POLICY_2), ("threshold", "2"))
    of = (*vkey(POLICY_1, POLICY_2), ("threshold", "1"))
    twice = Note(TEXT, (line, line)).to_bytes()
    cosigned = Note(TEXT, (cosigner,)).to_bytes()
    reverse = note.sign(TEXT, [POLICY_2, POLICY_1])
    return [
        *table(rows, vkey(POLICY_1)),
        Case("threshold-met", OK, "two of two, in their order", both, two),
        Case("threshold-any", OK, "one of two, the second", note.sign(TEXT, [POLICY_2]), of),
        Case("threshold-missed", "MissingSignatureError", "one of two", one, two),
        Case("threshold-exceeded", "UnknownKeyError", "a second one where one is asked", both, of),
        Case("out-of-order", "UnknownKeyError", "else two notes say the same", reverse, two),
        Case("one-key-twice", "UnknownKeyError", "two signatures, one key", twice, two),
        Case(
            "cosigner", "UnknownKeyError", "a cosigner's key signs no note", cosigned, vkey(WITNESS)
        ),
    ]


def _resigned(size: int, text: bytes) -> bytes:
    """Another text with the log's Ed25519 signature and the ML-DSA line of a real checkpoint."""
    first = Signature(ORIGIN, LOG.verifier.key_id, LOG.sign(text))
    return Note(text, (first, note.parse(checkpoint(size)).signatures[1])).to_bytes()


def _cosigned() -> bytes:
    tree = Checkpoint.from_text(note.parse(checkpoint(6)).text)
    return add_cosignature(checkpoint(6), cosign(tree, WITNESS, now=int(NOW.timestamp()) + 400))


def checkpoint_cases() -> list[Case]:
    good = checkpoint(6)
    parsed = note.parse(good)
    first, second = parsed.signatures
    origin, _, root, _ = parsed.text.decode().split("\n")
    zero = Signature(second.name, second.key_id, bytes([255]) + second.raw[1:])
    bad_time = Signature(second.name, second.key_id, bytes(8) + second.raw[8:])
    rows: list[Row] = [
        *(
            (f"size-{n}", OK, "both signatures of the log", checkpoint(n))
            for n in (0, 1, 4, 5, 6)
        ),
        ("hostile-log", OK, "the tree of a log that no replay accepts", hostile.whole().checkpoint),
        ("rotated-log", OK, "the tree of a log whose device replaced its keys", rotation.whole().checkpoint),
        ("order-reversed", OK, "signature lines of a checkpoint have no order", Note(parsed.text, (second, first)).to_bytes()),
        ("unknown-cosigner", OK, "lines of unknown keys are passed over", add_cosignature(good, note.parse(note.sign(TEXT, [STRANGER])).signatures[0])),
        ("mldsa-missing", "MissingSignatureError", "both are wanted", Note(parsed.text, (first,)).to_bytes()),
        ("ed25519-missing", "MissingSignatureError", "both are wanted", Note(parsed.text, (second,)).to_bytes()),
        ("size-altered", "SignatureError", "a larger tree", good.replace(b"\n6\n", b"\n7\n")),
        ("mldsa-of-another-tree", "SignatureError", "both sign one tree", _resigned(5, parsed.text)),
        ("mldsa-time-altered", "SignatureError", "the time is signed", Note(parsed.text, (first, bad_time)).to_bytes()),
        ("mldsa-time-too-large", L, "2^63 seconds and more", Note(parsed.text, (first, zero)).to_bytes()),
        ("mldsa-short", F, "a byte missing", Note(parsed.text, (first, Signature(second.name, second.key_id, second.raw[:-1]))).to_bytes()),
        ("extension-line", F, "ML-DSA-44 does not cover it", _resigned(6, parsed.text + b"more\n")),
        ("size-leading-zero", F, "one spelling", _resigned(6, f"{origin}\n06\n{root}\n".encode())),
        ("size-negative", F, "no sign", _resigned(6, f"{origin}\n-6\n{root}\n".encode())),
        ("size-too-large", L, "2^40 entries at most", _resigned(6, f"{origin}\n{2**40 + 1}\n{root}\n".encode())),
        ("root-short", F, "32 bytes", _resigned(6, f"{origin}\n6\n{b64(bytes(31))}\n".encode())),
        ("root-missing", F, "three lines", _resigned(6, f"{origin}\n6\n".encode())),
        ("another-log", F, "the origin is the log's name", _resigned(6, f"log.example/other\n6\n{root}\n".encode())),
        ("signed-twice", F, "one line a key", good + first.to_line().encode()),
        ("unsigned", F, "a note has signatures", parsed.text + b"\n"),
    ]  # fmt: skip
    quorum = (*LOG_INPUTS, ("witness", WITNESS.verifier.to_text()), ("quorum", "1"))
    forged = good + _forged_line()
    first_key, second_key = LOG_INPUTS
    other = key("log.example/other", LOG_MLDSA.verifier.algorithm).verifier.to_text()
    plain = ("log", STRANGER.verifier.to_text())
    return [
        *table(rows, LOG_INPUTS),
        Case("log-keys-one", F, "a log has two", good, (first_key,)),
        Case("log-keys-of-one-type", "RoleError", "one of each type", good, (first_key, plain)),
        Case(
            "log-keys-of-two-names",
            "RoleError",
            "both have the log's name",
            good,
            (first_key, ("log", other)),
        ),
        Case("log-keys-swapped", OK, "keys in either order", good, (second_key, first_key)),
        Case("cosigned", OK, "one witness of one", _cosigned(), quorum),
        Case("quorum-missed", "MissingSignatureError", "nobody cosigned", good, quorum),
        Case(
            "witness-forged", "SignatureError", "a known witness's line must hold", forged, quorum
        ),
    ]


def _forged_line() -> bytes:
    other = Checkpoint(ORIGIN, 6, bytes(32))
    return cosign(other, WITNESS, now=int(NOW.timestamp())).to_line().encode()


def cosignature_cases() -> list[Case]:
    tree = Checkpoint.from_text(note.parse(checkpoint(6)).text)
    now = int(NOW.timestamp()) + 400

    def of(line: Signature) -> bytes:
        return Note(tree.to_text(), (line,)).to_bytes()

    def made(who: SigningKey, when: int, what: Checkpoint = tree) -> bytes:
        return of(cosign(what, who, now=when))

    line = cosign(tree, WITNESS, now=now)
    late = Signature(line.name, line.key_id, (now + 1).to_bytes(8, "big") + line.raw[8:])
    far = Signature(line.name, line.key_id, (2**63).to_bytes(8, "big") + line.raw[8:])
    plain = Signature(line.name, line.key_id, bytes(8) + WITNESS.sign(tree.to_text()))
    short = Signature(line.name, line.key_id, line.raw[:-1])
    mldsa = key("records.example/test-witness", LOG_MLDSA.verifier.algorithm)
    post_quantum = kept("cosignature/mldsa44") or made(mldsa, now)
    rows: list[Row] = [
        ("ed25519", OK, "type 0x04", of(line)),
        ("time-zero", OK, "a witness without a clock", made(WITNESS, 0)),
        ("time-altered", "SignatureError", "the time is signed", of(late)),
        ("time-too-large", L, "2^63 seconds and more", of(far)),
        ("of-another-tree", "SignatureError", "another root", made(WITNESS, now, Checkpoint(ORIGIN, 6, bytes(32)))),
        ("of-another-log", "SignatureError", "the origin is signed", made(WITNESS, now, Checkpoint("log.example/other", 6, tree.root))),
        ("plain-ed25519", "SignatureError", "the text alone, without label and time", of(plain)),
        ("another-witness", "UnknownKeyError", "somebody else's", made(MIRROR, now)),
        ("short", F, "a byte missing", of(short)),
    ]  # fmt: skip
    foreign = bytearray(post_quantum)
    return [
        *table(rows, vkey(WITNESS)),
        Case("mldsa44", OK, "type 0x06", post_quantum, vkey(mldsa)),
        Case(
            "mldsa44-altered",
            "SignatureError",
            "another size",
            bytes(foreign).replace(b"\n6\n", b"\n7\n"),
            vkey(mldsa),
        ),
        Case("plain-key", "UnknownKeyError", "not a cosigner's key", _plain(tree), vkey(STRANGER)),
    ]


def _plain(tree: Checkpoint) -> bytes:
    who = STRANGER.verifier
    raw = bytes(8) + STRANGER.sign(tree.to_text())
    return Note(tree.to_text(), (Signature(who.name, who.key_id, raw),)).to_bytes()


def tlog_proof_cases() -> list[Case]:
    good = TlogProof(4, tuple(reader(6).inclusion(4)), checkpoint(6)).to_bytes()
    extra = TlogProof(4, tuple(reader(6).inclusion(4)), checkpoint(6), b"anything").to_bytes()
    hash_line = good.split(b"\n")[2] + b"\n"
    return table(
        [
            ("entry-4-of-6", OK, "no extra line", good),
            ("extra", OK, "extra is not authenticated", extra),
            ("version-2", F, "another version", good.replace(b"@v1", b"@v2")),
            ("index-missing", F, "which entry", good.replace(b"index 4\n", b"")),
            ("index-leading-zero", F, "one spelling", good.replace(b"index 4", b"index 04")),
            ("index-with-sign", F, "int() would take this", good.replace(b"index 4", b"index +4")),
            ("index-too-large", L, "2^53", good.replace(b"index 4", b"index 9007199254740992")),
            ("extra-after-index", F, "before it", good.replace(b"index 4\n", b"index 4\nextra AA==\n")),
            ("extra-twice", F, "once at most", extra.replace(b"extra", b"extra AA==\nextra")),
            ("hash-short", F, "32 bytes", good.replace(hash_line, b64(bytes(31)).encode() + b"\n")),
            ("64-hashes", L, "63 at most", good.replace(hash_line, hash_line * 63)),
            ("no-checkpoint", F, "a blank line and a checkpoint", good.split(b"\n\n")[0] + b"\n"),
            ("crlf", F, "lines end with a newline", good.replace(b"\n", b"\r\n")),
            ("too-large", L, "131,072 bytes at most", good + b"x" * 131_072),
        ]
    )  # fmt: skip


def receipt_cases() -> list[Case]:
    entry = log()[4]
    path = reader(6).inclusion(4)
    proof = reader(6).consistency(4)
    good = make_receipt(4, path, checkpoint(6), old_size=4, consistency=proof)
    seen = (("seen-size", "4"), ("seen-root", b64(reader(4).root())))
    about = (*LOG_INPUTS, ("entry", b64(entry)), *seen)
    inclusion, consistency = "InclusionError", "ConsistencyError"
    fork = (*LOG_INPUTS, ("entry", b64(entry)), ("seen-size", "4"), ("seen-root", b64(bytes(32))))
    larger = (
        *LOG_INPUTS,
        ("entry", b64(log()[2])),
        ("seen-size", "6"),
        ("seen-root", b64(reader(6).root())),
    )
    same = (
        *LOG_INPUTS,
        ("entry", b64(entry)),
        ("seen-size", "6"),
        ("seen-root", b64(reader(6).root())),
    )
    twin = (*LOG_INPUTS, ("entry", b64(entry)), ("seen-size", "6"), ("seen-root", b64(bytes(32))))
    rows: list[Row] = [
        ("grown-from-4", OK, "included, and the log only grew", good),
        ("index-of-another", inclusion, "entry 5 is another", make_receipt(5, path, checkpoint(6), old_size=4, consistency=proof)),
        ("index-beyond", inclusion, "there is no entry 6", make_receipt(6, path, checkpoint(6), old_size=4, consistency=proof)),
        ("path-cut", inclusion, "a hash missing", make_receipt(4, path[:-1], checkpoint(6), old_size=4, consistency=proof)),
        ("path-longer", inclusion, "a hash too many", make_receipt(4, [*path, bytes(32)], checkpoint(6), old_size=4, consistency=proof)),
        ("no-extra", consistency, "nothing shows that the log only grew", make_receipt(4, path, checkpoint(6))),
        ("from-another-size", consistency, "5 entries were not what was seen", make_receipt(4, path, checkpoint(6), old_size=5, consistency=reader(6).consistency(5))),
        ("consistency-cut", consistency, "a hash missing", make_receipt(4, path, checkpoint(6), old_size=4, consistency=proof[:-1])),
        ("consistency-longer", consistency, "a hash too many", make_receipt(4, path, checkpoint(6), old_size=4, consistency=[*proof, bytes(32)])),
        ("extra-not-ours", F, "not a consistency proof", TlogProof(4, tuple(path), checkpoint(6), b"hello").to_bytes()),
        ("extra-without-end", F, "its last line ends", TlogProof(4, tuple(path), checkpoint(6), b"old 4").to_bytes()),
        ("checkpoint-altered", "SignatureError", "another size", good.replace(b"\n6\n", b"\n7\n")),
    ]  # fmt: skip
    rolled = make_receipt(2, reader(5).inclusion(2), checkpoint(5), old_size=6)
    return [
        *table(rows, about),
        Case("same-tree", OK, "nothing was added since", make_receipt(4, path, checkpoint(6), old_size=6), same),
        Case("same-tree-other-root", consistency, "another tree of the same size", make_receipt(4, path, checkpoint(6), old_size=6), twin),
        Case("same-tree-with-hashes", consistency, "nothing to prove, yet a proof", make_receipt(4, path, checkpoint(6), old_size=6, consistency=[bytes(32)]), same),
        Case("first", OK, "nothing was seen before", make_receipt(4, path, checkpoint(6)), about[:3]),
        Case("fork", consistency, "the device saw another history", good, fork),
        Case("rollback", consistency, "6 entries were seen, now 5", rolled, larger),
        Case("another-entry", inclusion, "not the entry that was sent", good, (*LOG_INPUTS, ("entry", b64(log()[5])), *seen)),
    ]  # fmt: skip


def tile_cases() -> list[Case]:
    tree = reader(6)
    good = b"".join(tree.leaf(index) for index in range(6))
    mismatch = "RootMismatchError"
    swapped = good[32:64] + good[:32] + good[64:]
    inputs = (("tree", "6"), ("root", b64(tree.root())))
    rows: list[Row] = [
        ("six-hashes", OK, "the partial tile of a log of six entries", good),
        ("cut", F, "a byte missing", good[:-1]),
        ("five-hashes", F, "a hash missing", good[:-32]),
        ("seven-hashes", F, "a hash too many", good + bytes(32)),
        ("empty", F, "no bytes", b""),
        ("swapped", mismatch, "two hashes in another order", swapped),
        ("altered", mismatch, "the last byte", good[:-1] + bytes([good[-1] ^ 1])),
        ("zeros", mismatch, "not the log's hashes", bytes(192)),
    ]
    return table(rows, inputs)
