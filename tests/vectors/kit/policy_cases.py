# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of policies."""

from __future__ import annotations

from kit.case import OK, Case, Edit
from kit.entry_cases import family
from kit.world import (
    DEVICE,
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
ELSEWHERE = (
    '[[elsewhere]]\napp = "teams"\nattested_by = "functional-management"\n'
    'until = 2027-06-30\nwhy = "archived on the server"\n'
)
ABSENCE = '[[absence]]\nsource = "s2"\nfrom = 2026-12-24\nuntil = 2027-01-02\n'


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
        ("audience-user", f"group:{GROUP}", f"user:{GROUP}", P, "group: or device:"),
        ("too-large", "[guards]", "#" * 60_000 + "\n[guards]", "LimitError", "60,000 bytes at most"),
        ("expires-number", "expires = 2027-06-30", "expires = 5", P, "a time or a date"),
        ("audience-numbers", f'["group:{GROUP}"]', "[1]", P, "a list of strings"),
        ("audience-not-a-slug", f"group:{GROUP}", "group:Test", P, "a-z, 0-9 and inner hyphens"),
        ("recipients-empty", f'["{OFFICE.recipient.to_text()}"]', "[]", P, "somebody must be able to read"),
        ("recipient-twice", f'["{OFFICE.recipient.to_text()}"]', f'["{OFFICE.recipient.to_text()}", "{OFFICE.recipient.to_text()}"]', P, "no keyring could be sealed"),
        ("witness-twice", WITNESS.verifier.to_text(), f'{WITNESS.verifier.to_text()}", "{WITNESS.verifier.to_text()}', P, "one witness would be a quorum of two"),
        ("witness-plain", WITNESS.verifier.to_text(), STRANGER.verifier.to_text(), P, "a witness cosigns"),
        ("recipient-x25519", OFFICE.recipient.to_text(), "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", P, "hybrid post-quantum only"),
        ("key-unknown", 'cadence = "15m"', 'cadance = "15m"', P, "every key is known or refused"),
        ("guard-mode", '"enforce"', '"maybe"', P, "off, report or enforce"),
        ("source-twice", 'name = "s1"', 'name = "s2"', P, "one name a source"),
        ("source-with-slash", 'name = "s1"', 'name = "a/b"', P, "a name is also a folder's"),
        ("readout-of-nothing", 'source = "s2"', 'source = "s3"', P, "of a source in this policy"),
        ("readout-twice", 'window = "Fri 17:00-20:00"', 'window = "Fri 17:00-20:00"\n[[readout]]\nsource = "s2"\nevery = "1d"', P, "one agreement a source"),
        ("readout-hours", "Fri 17:00-20:00", "Mon-Thu 22:00-06:00, Sat 00:00-24:00", OK, "nights, and a whole day"),
        ("readout-over-the-week", "Fri 17:00-20:00", "Sun-Mon 23:00-01:00", OK, "Sunday to Monday"),
        ("readout-not-during", 'window = "Fri 17:00-20:00"', 'window = "Fri 17:00-20:00"\nnot_during = ["2026-12-24..2027-01-02", "2027-04-30", "Fri 18:00-18:30"]', OK, "holidays, a day, half an hour"),
        ("readout-command", 'window = "Fri 17:00-20:00"', 'window = "Fri 17:00-20:00"\ncommand = "idevicebackup2"', OK, "by a name that the device knows"),
        ("readout-command-path", 'window = "Fri 17:00-20:00"', 'window = "Fri 17:00-20:00"\ncommand = "/usr/bin/adb"', P, "never by a path"),
        ("readout-any-time", 'window = "Fri 17:00-20:00"', "", OK, "no window agreed"),
        ("readout-day-unknown", "Fri 17:00", "Vri 17:00", P, "days in English"),
        ("readout-hour-25", "17:00-20:00", "17:00-25:00", P, "no such hour"),
        ("readout-hour-24", "17:00-20:00", "24:00-01:00", P, "nothing begins at 24:00"),
        ("readout-empty-window", "17:00-20:00", "17:00-17:00", P, "a whole day is 00:00-24:00"),
        ("readout-window-arabic", "17:00", "\u0661\u0667:00", P, "ASCII digits"),
        ("readout-day-31-february", 'window = "Fri 17:00-20:00"', 'not_during = ["2027-02-31"]', P, "no day of the calendar"),
        ("readout-days-reversed", 'window = "Fri 17:00-20:00"', 'not_during = ["2027-02-02..2027-02-01"]', P, "the last is not before the first"),
        ("readout-too-often", 'every = "7d"', 'every = "59m"', P, "an hour at least"),
        ("custody-with-slash", '"telefoon-1"', '"telefoon/1"', P, "a label holds it"),
        ("custody-too-long", '"telefoon-1"', f'"{"x" * 65}"', P, "64 characters at most"),
        ("batch-too-small", '"16 MiB"', '"1 KiB"', P, "64 KiB at least"),
        ("spool-below-batch", '"2 GiB"', '"1 MiB"', P, "one batch at least"),
        ("claims", 'cadence = "15m"', 'cadence = "15m"\nclaims = "35d"', OK, "moved within five weeks"),
        ("claims-number", 'cadence = "15m"', 'cadence = "15m"\nclaims = 70', P, "a duration says its unit"),
        ("uncovered", '"2 GiB"', '"2 GiB"\nuncovered = "3d"', OK, "an alarm after three days"),
        ("uncovered-number", '"2 GiB"', '"2 GiB"\nuncovered = 7', P, "a duration says its unit"),
        ("keys", '"2 GiB"', '"2 GiB"\nkeys = "365d"', OK, "replaced each year"),
        ("keys-too-often", '"2 GiB"', '"2 GiB"\nkeys = "29d"', P, "30 days at least"),
        ("keys-number", '"2 GiB"', '"2 GiB"\nkeys = 365', P, "a duration says its unit"),
        ("shipping", "[limits]", '[shipping]\nhours = "Mon-Fri 19:00-07:00, Sat 00:00-24:00"\nbandwidth = "512 KiB"\non_battery = "wait"\nmetered = "wait"\nlongest_wait = "12h"\n\n[limits]', OK, "at night, slowly, not for ever"),
        ("shipping-hours", "[limits]", '[shipping]\nhours = "Mon-Fri 7-19"\n\n[limits]', P, "two digits for hour and minute"),
        ("shipping-hours-25", "[limits]", '[shipping]\nhours = "Mon 19:00-25:00"\n\n[limits]', P, "a day has 24 hours"),
        ("shipping-hours-empty", "[limits]", '[shipping]\nhours = "Mon 19:00-19:00"\n\n[limits]', P, "never, or always?"),
        ("shipping-bandwidth", "[limits]", '[shipping]\nbandwidth = "1 KiB"\n\n[limits]', P, "slower than batches are made"),
        ("shipping-battery", "[limits]", "[shipping]\non_battery = true\n\n[limits]", P, "ship or wait"),
        ("shipping-forever", "[limits]", '[shipping]\nlongest_wait = "30d"\n\n[limits]', P, "nothing waits for ever"),
        ("shipping-unknown", "[limits]", '[shipping]\ndays = "Mon"\n\n[limits]', P, "every key is known or refused"),
        ("elsewhere", "[limits]", f"{ELSEWHERE}\n[limits]", OK, "archived on the server, until then"),
        ("elsewhere-app-twice", "[limits]", f"{ELSEWHERE}{ELSEWHERE}\n[limits]", P, "one attestation an app"),
        ("elsewhere-app-not-a-slug", "[limits]", f"{ELSEWHERE}\n[limits]".replace("teams", "Microsoft Teams"), P, "a name of the table of apps"),
        ("elsewhere-by-a-person", "[limits]", f"{ELSEWHERE}\n[limits]".replace("functional-management", "J. de Vries"), P, "a function, by a slug"),
        ("elsewhere-for-ever", "[limits]", f"{ELSEWHERE}\n[limits]".replace("until = 2027-06-30\n", ""), P, "an attestation ends"),
        ("elsewhere-without-why", "[limits]", f"{ELSEWHERE}\n[limits]".replace("archived on the server", ""), P, "a reason is given"),
        ("elsewhere-why-too-long", "[limits]", f"{ELSEWHERE}\n[limits]".replace("archived on the server", "x" * 201), P, "200 characters at most"),
        ("elsewhere-why-200", "[limits]", f"{ELSEWHERE}\n[limits]".replace("archived on the server", "\u00e9" * 200), OK, "characters, not bytes"),
        ("elsewhere-why-address", "[limits]", f"{ELSEWHERE}\n[limits]".replace("on the server", "by a@test.example"), P, "no names in it"),
        ("elsewhere-key-unknown", "[limits]", f"{ELSEWHERE}from = 2026-11-01\n\n[limits]", P, "every key is known or refused"),
        ("absence", "[limits]", f"{ABSENCE}\n[limits]", OK, "a phone on leave"),
        ("absences-one-after-another", "[limits]", f"{ABSENCE}{ABSENCE}\n[limits]".replace("2026-12-24\nuntil = 2027-01-02", "2026-12-20\nuntil = 2026-12-24", 1), OK, "the end of one is the begin of the other"),
        ("absences-overlap", "[limits]", f"{ABSENCE}{ABSENCE}\n[limits]".replace("2026-12-24\nuntil = 2027-01-02", "2026-12-20\nuntil = 2026-12-25", 1), P, "which of them holds?"),
        ("absence-of-nothing", "[limits]", f"{ABSENCE}\n[limits]".replace("s2", "s3"), P, "of a source in this policy"),
        ("absence-reversed", "[limits]", f"{ABSENCE}\n[limits]".replace("2027-01-02", "2026-12-24"), P, "from is before until"),
        ("absence-without-end", "[limits]", f"{ABSENCE}\n[limits]".replace("until = 2027-01-02\n", ""), P, "an absence ends"),
        ("absence-key-unknown", "[limits]", f'{ABSENCE}why = "leave"\n\n[limits]', P, "every key is known or refused"),
        ("mail-domains", "[limits]", '[mail]\ndomains = ["test.example", "xn--tst-qla.example"]\n\n[limits]', OK, "besides those of the accounts"),
        ("mail-domain-twice", "[limits]", '[mail]\ndomains = ["test.example", "test.example"]\n\n[limits]', P, "each once"),
        ("mail-domain-upper-case", "[limits]", '[mail]\ndomains = ["Test.example"]\n\n[limits]', P, "one spelling"),
        ("mail-domain-address", "[limits]", '[mail]\ndomains = ["a@test.example"]\n\n[limits]', P, "a domain, not an address"),
        ("mail-domain-of-one-label", "[limits]", '[mail]\ndomains = ["example"]\n\n[limits]', P, "all of a top-level domain is nobody's"),
        ("mail-domain-last-dot", "[limits]", '[mail]\ndomains = ["test.example."]\n\n[limits]', P, "one spelling"),
        ("mail-domains-text", "[limits]", '[mail]\ndomains = "test.example"\n\n[limits]', P, "a list of strings"),
        ("mail-key-unknown", "[limits]", '[mail]\ndomain = ["test.example"]\n\n[limits]', P, "every key is known or refused"),
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


ANNEX_TOML = f"""device = "{DEVICE}"

[[source]]
name = "s1"
label = "Postvak IN"
path = "/home/test/Mail"

[[source]]
name = "s2"
path = "/home/test/Backup"
"""
STANDING = (
    ("device", DEVICE),
    ("group", GROUP),
    ("highest", "6"),
    ("included", "yes"),
    ("annex", b64(ANNEX_TOML.encode())),
)


def in_force_cases() -> list[Case]:
    """When a device applies a policy: always the same good note, other circumstances."""
    data = note.sign(policy_text(ORIGIN, TOML), [POLICY_1, POLICY_2])
    whose = (*vkey(POLICY_1, POLICY_2), ("threshold", "2"), ("origin", ORIGIN))

    def where(name: str, expect: str, comment: str, **changes: str | None) -> Case:
        given = {**dict(STANDING), **changes}
        rows = tuple((label, value) for label, value in given.items() if value is not None)
        return Case(name, expect, comment, data, (*whose, *rows))

    def annex(text: str) -> str:
        return b64(text.encode())

    second = ANNEX_TOML.rindex("\n[[source]]")
    return [
        where("applies", OK, "newer, logged, for its group, its annex there"),
        where("first", OK, "no policy was applied before", highest="0"),
        where("another-group", P, "not in the audience", group="other-group"),
        where("no-group", P, "a device admitted by its own name", group=None),
        where("serial-again", P, "not above the highest applied", highest="7"),
        where("serial-lower", P, "a roll-back", highest="8"),
        where("not-included", P, "not proven to be in the log", included=None),
        where("annex-missing", P, "the policy names one for this device", annex=None),
        where("annex-of-another", P, "for another device", annex=annex(ANNEX_TOML.replace(DEVICE, "test-phone"))),
        where("path-nowhere", P, "in neither policy nor annex", annex=annex(ANNEX_TOML[:second])),
        where("annex-source-unknown", P, "not a source of the policy", annex=annex(ANNEX_TOML + '\n[[source]]\nname = "s3"\n')),
        where("annex-labels-alike", P, "a label says which source", annex=annex(ANNEX_TOML.replace("Postvak IN", "s2 (telefoon-1)"))),
        where("annex-label-of-custody", OK, "a custody makes another label", annex=annex(ANNEX_TOML.replace("Postvak IN", "s2"))),
    ]  # fmt: skip
