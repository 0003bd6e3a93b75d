# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of what a log asks a witness, and of what that answers."""

from __future__ import annotations

from kit.case import OK, Case, kept
from kit.text_cases import Row, table
from kit.world import (
    LOG,
    LOG_INPUTS,
    LOG_MLDSA,
    MIRROR,
    NOW,
    ORIGIN,
    WITNESS,
    checkpoint,
    reader,
    vkey,
)
from lakzegel_core import note
from lakzegel_core.addcheckpoint import AddCheckpoint
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.cosignature import cosign
from lakzegel_core.encoding import b64
from lakzegel_core.keys import SigningKey
from lakzegel_core.note import Note

F, L, OLD, C = "FormatError", "LimitError", "OldSizeError", "ConsistencyError"
NOBODY = "UnknownLogError"


def request_cases() -> list[Case]:
    proof = tuple(reader(6).consistency(3))
    first = AddCheckpoint(0, (), checkpoint(6)).to_bytes()
    grown = AddCheckpoint(3, proof, checkpoint(6)).to_bytes()
    again = AddCheckpoint(6, (), checkpoint(6)).to_bytes()
    line = b64(proof[0]).encode() + b"\n"
    parsed = note.parse(checkpoint(6))
    ed25519 = Note(parsed.text, parsed.signatures[:1]).to_bytes()
    turned = Note(parsed.text, parsed.signatures[::-1]).to_bytes()
    twice = Note(parsed.text, (*parsed.signatures, parsed.signatures[0])).to_bytes()
    unknown = kept("add-checkpoint/of-another-log")
    foreign = sign_checkpoint(
        Checkpoint("log.example/other", 6, reader(6).root()), LOG, LOG_MLDSA, now=0
    )
    other = unknown or AddCheckpoint(0, (), foreign).to_bytes()
    rows: list[Row] = [
        ("grown", OK, "from 3 entries to 6", grown),
        ("other-order", OK, "lines of a checkpoint have no order", grown.replace(checkpoint(6), turned)),
        ("size-that-was-not-cosigned", OLD, "the newest is of 3", AddCheckpoint(2, tuple(reader(6).consistency(2)), checkpoint(6)).to_bytes()),
        ("as-if-never-asked", OLD, "the answer tells the size", first),
        ("same-size-too-soon", OLD, "6 was not cosigned yet", again),
        ("no-proof", C, "a proof is needed", AddCheckpoint(3, (), checkpoint(6)).to_bytes()),
        ("proof-of-another-size", C, "from 2 entries", AddCheckpoint(3, tuple(reader(6).consistency(2)), checkpoint(6)).to_bytes()),
        ("proof-too-long", C, "one hash more", AddCheckpoint(3, (*proof, bytes(32)), checkpoint(6)).to_bytes()),
        ("of-another-log", NOBODY, "an origin that nobody named", other),
        ("one-signature", "MissingSignatureError", "the log has two keys", AddCheckpoint(3, proof, ed25519).to_bytes()),
        ("altered", "SignatureError", "another root", grown.replace(parsed.text, Checkpoint(ORIGIN, 6, bytes(32)).to_text())),
        ("key-twice", F, "a key signs once", AddCheckpoint(3, proof, twice).to_bytes()),
        ("old-above-checkpoint", F, "a log never shrinks", AddCheckpoint(7, (), checkpoint(6)).to_bytes()),
        ("old-missing", F, "where the proof begins", grown.partition(b"\n")[2]),
        ("old-leading-zero", F, "one spelling", grown.replace(b"old 3", b"old 03")),
        ("old-with-sign", F, "int() would take this", grown.replace(b"old 3", b"old +3")),
        ("old-two-spaces", F, "one space", grown.replace(b"old 3", b"old  3")),
        ("old-too-large", L, "beyond 2^40 entries", grown.replace(b"old 3", b"old 1099511627777")),
        ("hash-short", F, "32 bytes", grown.replace(line, b64(bytes(31)).encode() + b"\n")),
        ("hash-unpadded", F, "one spelling of base64", grown.replace(line, line.replace(b"=", b""))),
        ("64-hashes", L, "63 at most", AddCheckpoint(3, (bytes(32),) * 64, checkpoint(6)).to_bytes()),
        ("no-checkpoint", F, "a blank line and a checkpoint", grown.partition(b"\n\n")[0] + b"\n"),
        ("crlf", F, "lines end with a newline", grown.replace(b"\n", b"\r\n")),
        ("too-large", L, "69,632 bytes at most", grown + b"x" * 69_632),
        ("empty", F, "nothing", b""),
    ]  # fmt: skip
    known = (*LOG_INPUTS, ("newest", b64(note.parse(checkpoint(3)).text)))
    fork = (*LOG_INPUTS, ("newest", b64(Checkpoint(ORIGIN, 6, bytes(32)).to_text())))
    same = (*LOG_INPUTS, ("newest", b64(parsed.text)))
    return [
        *table(rows, known),
        Case("first", OK, "nothing was cosigned before", first, LOG_INPUTS),
        Case("first-with-proof", C, "from 0 the proof is empty", AddCheckpoint(0, proof, checkpoint(6)).to_bytes(), LOG_INPUTS),
        Case("same-again", OK, "the same tree, cosigned at another time", again, same),
        Case("fork", OLD, "another root of the same size", again, fork),
    ]  # fmt: skip


def answer_cases() -> list[Case]:
    tree = Checkpoint.from_text(note.parse(checkpoint(6)).text)
    now = int(NOW.timestamp()) + 400

    def line(who: SigningKey, what: Checkpoint = tree) -> bytes:
        return cosign(what, who, now=now).to_line().encode()

    one = line(WITNESS)
    rows: list[Row] = [
        ("one-line", OK, "a cosignature", one),
        ("nobody-expected", "MissingSignatureError", "a stranger's line alone", line(MIRROR)),
        ("of-another-tree", "SignatureError", "another size", line(WITNESS, Checkpoint(ORIGIN, 5, tree.root))),
        ("twice", F, "a key signs once", one + one),
        ("empty", F, "one line at least", b""),
        ("no-newline", F, "lines end with a newline", one[:-1]),
        ("text-before", F, "lines and nothing else", b"text\n\n" + one),
        ("blank-line-before", F, "lines and nothing else", b"\n" + one),
        ("17-lines", L, "16 at most", one + b"".join(line(MIRROR).replace(b"mirror", b"mirror%d" % n) for n in range(16))),
        ("too-large", L, "65,536 bytes at most", one + b"x" * 65_536),
    ]  # fmt: skip
    return table(rows, (*vkey(WITNESS), ("tree", b64(tree.to_text()))))
