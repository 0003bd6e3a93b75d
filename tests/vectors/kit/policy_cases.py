# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of policies."""

from __future__ import annotations

from kit.case import OK, Case, Edit
from kit.entry_cases import family
from kit.world import (
    GROUP,
    OFFICE,
    ORIGIN,
    POLICY_1,
    POLICY_2,
    STRANGER,
    TOML,
    WITNESS,
    vkey,
)
from lakzegel_core import note
from lakzegel_core.encoding import b64
from lakzegel_core.policy import policy_text

F, P = "FormatError", "PolicyError"
ZERO = b64(bytes(32))


def policy_cases() -> list[Case]:
    keys = [POLICY_1, POLICY_2]
    inputs = (*vkey(*keys), ("threshold", "2"), ("origin", ORIGIN))
    text = policy_text(ORIGIN, TOML)
    edits: list[Edit] = [
        ("sealed", 'release = "held"', 'release = "sealed"', OK, "let go at the quorum"),
        ("defaults", 'cadence = "15m"\nrelease = "held"\n', "", OK, "15m and held"),
        ("source-raw", 'capture = "conversations"', 'capture = "raw"', OK, "raw only by its word"),
        ("release-unknown", 'release = "held"', 'release = "now"', P, "held or sealed"),
        ("serial-0", "serial = 7", "serial = 0", P, "from 1"),
        ("serial-text", "serial = 7", 'serial = "7"', P, "a number"),
        ("serial-true", "serial = 7", "serial = true", P, "Python's True is an int"),
        ("serial-huge", "serial = 7", "serial = 9007199254740992", P, "2^53"),
        ("serial-5000-digits", "serial = 7", "serial = " + "9" * 5000, P, "beyond what parsers read"),
        ("serial-missing", "serial = 7\n", "", P, "which one is newer"),
        ("audience-empty", f'["group:{GROUP}"]', "[]", P, "for somebody"),
        ("audience-bare", f'"group:{GROUP}"', f'"{GROUP}"', P, "group: or device:"),
        ("audience-not-a-slug", f"group:{GROUP}", "group:Test", P, "a-z, 0-9 and inner hyphens"),
        ("recipients-empty", f'["{OFFICE.recipient.to_text()}"]', "[]", P, "somebody must be able to read"),
        ("recipient-twice", f'["{OFFICE.recipient.to_text()}"]', f'["{OFFICE.recipient.to_text()}", "{OFFICE.recipient.to_text()}"]', P, "no keyring could be sealed"),
        ("witness-twice", WITNESS.verifier.to_text(), f'{WITNESS.verifier.to_text()}", "{WITNESS.verifier.to_text()}', P, "one witness would be a quorum of two"),
        ("witness-plain", WITNESS.verifier.to_text(), STRANGER.verifier.to_text(), P, "a witness cosigns"),
        ("recipient-x25519", OFFICE.recipient.to_text(), "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", P, "hybrid post-quantum only"),
        ("key-unknown", 'cadence = "15m"', 'cadance = "15m"', P, "every key is known or refused"),
        ("guard-mode", '"enforce"', '"maybe"', P, "off, report or enforce"),
        ("source-twice", 'name = "s2"', 'name = "s1"', P, "one name a source"),
        ("source-with-slash", 'name = "s1"', 'name = "a/b"', P, "a name is also a folder's"),
        ("readout-of-nothing", 'source = "s2"', 'source = "s3"', P, "of a source in this policy"),
        ("batch-too-small", '"16 MiB"', '"1 KiB"', P, "64 KiB at least"),
        ("spool-below-batch", '"2 GiB"', '"1 MiB"', P, "one batch at least"),
        ("threshold-too-high", "threshold = 1", "threshold = 2", P, "more than there are witnesses"),
        ("annex-not-a-digest", f'"{ZERO}"', '"none"', P, "base64 of 32 bytes"),
        ("expires-local", "2027-06-30", "2027-06-30T00:00:00", P, "a time without its zone"),
        ("not-toml", "[guards]", "[guards", P, "a bracket is missing"),
    ]  # fmt: skip
    other = note.sign(policy_text("log.example/other", TOML), keys)
    return [
        *family(text, keys, inputs, edits, "what one group's devices capture"),
        Case("another-log", P, "a policy is for one log", other, inputs),
        Case("no-toml", F, "nothing after the first lines", note.sign(text.split(b"\n\n")[0] + b"\n", keys), inputs),
    ]  # fmt: skip
