# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of everything that is a line or a short text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from kit.case import OK, Case
from kit.world import ANNEX, DEVICE, LOG, LOG_MLDSA, ORIGIN, WITNESS
from lakzegel_core.encoding import b64
from lakzegel_core.padding import padme
from lakzegel_core.roster import RosterKey
from lakzegel_core.tiles import encode_entries

F, L, P = "FormatError", "LimitError", "PolicyError"
EIGHT = 2707385501144840649318225287225658788936804267575313519463743609750303402022
Row = tuple[str, str, str, str | bytes]


def table(rows: Sequence[Row], inputs: tuple[tuple[str, str], ...] = ()) -> list[Case]:
    return [
        Case(name, expect, comment, body if isinstance(body, bytes) else body.encode(), inputs)
        for name, expect, comment, body in rows
    ]


def base64_cases() -> list[Case]:
    digest = (("size", "32"),)
    rows = [
        ("empty", OK, "no bytes", ""),
        ("one-byte", OK, "two characters of padding", "Zg=="),
        ("two-bytes", OK, "one character of padding", "Zm8="),
        ("standard-alphabet", OK, "plus and slash", "+/+/"),
        ("url-alphabet", F, "RFC 4648 §5 is another alphabet", "-_-_"),
        ("padding-missing", F, "padding is written", "Zg"),
        ("padding-too-long", F, "padding to four characters and no more", "Zg==="),
        ("padding-inside", F, "padding is at the end only", "Zg==Zg=="),
        ("spare-bits", F, "the unused bits of the last character are zero", "Zh=="),
        ("newline", F, "lenient decoders skip it", "Zm9v\n"),
        ("space", F, "lenient decoders skip it", "Zm9v Zm9v"),
        ("not-ascii", F, "a letter of another alphabet", "Zm9ö"),
    ]
    return [
        *table(rows),
        Case("digest", OK, "32 bytes where 32 belong", b64(bytes(range(32))).encode(), digest),
        Case("digest-short", F, "31 bytes where 32 belong", b64(bytes(31)).encode(), digest),
    ]


def vkey_cases() -> list[Case]:
    log = LOG.verifier.to_text()
    name, hash_, material = log.split("+", 2)

    def of(public: bytes, kind: int = 1, who: str = name) -> str:
        found = hashlib.sha256(who.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
        return f"{who}+{found.hex()}+{b64(bytes([kind]) + public)}"

    prime = 2**255 - 19
    return table(
        [
            ("ed25519", OK, "type 0x01", log),
            ("ed25519-cosigner", OK, "type 0x04", WITNESS.verifier.to_text()),
            ("mldsa44", OK, "type 0x06", LOG_MLDSA.verifier.to_text()),
            ("id-of-another", F, "the id is a hash over name, type and key", f"{name}+00000000+{material}"),
            ("id-in-capitals", F, "hexadecimal is lower case", f"{name}+{hash_.upper()}+{material}"),
            ("name-changed", F, "the id covers the name", f"x{log}"),
            ("name-empty", F, "a key has a name", of(bytes([9] * 32), who="")),
            ("name-with-space", F, "the name ends at a space in a signature line", of(bytes([9] * 32), who="a b")),
            ("name-too-long", L, "255 bytes at most: an 8-bit length in cosignatures", of(bytes([9] * 32), who="n" * 256)),
            ("type-unknown", F, "type 0x02 is none of ours", of(bytes([9] * 32), kind=2)),
            ("key-short", F, "31 bytes", of(bytes([9] * 31))),
            ("key-missing", F, "no type and no key", f"{name}+{hash_}+"),
            ("two-parts", F, "no id", f"{name}+{material}"),
            ("small-order-identity", F, "y = 1: verifies forgeries", of((1).to_bytes(32, "little"))),
            ("small-order-zero", F, "y = 0: verifies forgeries", of(bytes(32))),
            ("small-order-minus-one", F, "y = p - 1: verifies forgeries", of((prime - 1).to_bytes(32, "little"))),
            ("small-order-eight", F, "a point of order eight", of(EIGHT.to_bytes(32, "little"))),
            ("point-not-canonical", F, "y = p + 3 says the same as y = 3", of((prime + 3).to_bytes(32, "little"))),
            ("newline-after", F, "one line without its end", log + "\n"),
        ]
    )  # fmt: skip


def recipient_cases() -> list[Case]:
    text = ANNEX.recipient.to_text()
    return table(
        [
            ("hybrid", OK, "mlkem768x25519, the only kind", text),
            ("capitals", F, "one spelling: lower case", text.upper()),
            ("mixed-case", F, "Bech32 forbids it", text.capitalize()),
            ("checksum", F, "the last character changed", text[:-1] + ("q" if text[-1] != "q" else "p")),
            ("cut", F, "a character missing", text[:-1]),
            ("x25519-only", F, "not post-quantum", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"),
            ("identity", F, "the secret half", ANNEX.to_text()),
            ("empty", F, "nothing", ""),
        ]
    )  # fmt: skip


def tile_path_cases() -> list[Case]:
    return table(
        [
            ("level-0", OK, "the first full tile", "tile/0/000"),
            ("level-5", OK, "the highest level of a tree of 2^40", "tile/5/000.p/1"),
            ("large-index", OK, "index 1234067", "tile/0/x001/x234/067"),
            ("partial", OK, "12 hashes", "tile/1/000.p/12"),
            ("entries", OK, "256 entries", "tile/entries/x001/x234/067"),
            ("level-6", F, "beyond a tree of 2^40", "tile/6/000"),
            ("level-leading-zero", F, "one spelling", "tile/00/000"),
            ("index-not-padded", F, "groups of three digits", "tile/0/67"),
            ("index-leading-group", F, "x000 says nothing", "tile/0/x000/067"),
            ("x-missing", F, "every group but the last begins with x", "tile/0/001/067"),
            ("x-on-last", F, "the last group has no x", "tile/0/x001/x067"),
            ("width-0", F, "an empty tile does not exist", "tile/0/000.p/0"),
            ("width-256", F, "a full tile has no .p", "tile/0/000.p/256"),
            ("width-257", F, "256 hashes at most", "tile/0/000.p/257"),
            ("width-leading-zero", F, "one spelling", "tile/0/000.p/012"),
            ("climbs-out", F, "never a folder above", "tile/0/../000"),
            ("leading-slash", F, "below the log's prefix", "/tile/0/000"),
            ("newline-after", F, "nothing follows", "tile/0/000\n"),
            ("arabic-digits", F, "ASCII digits only", "tile/0/" + "\u0660" * 3),
        ]
    )


def bundle_cases() -> list[Case]:
    two = encode_entries([b"first", b"second entry"])
    rows: list[Row] = [
        ("two", OK, "two entries, each after its length in 16 bits", two),
        ("cut-in-entry", F, "the last entry ends too early", two[:-1]),
        ("cut-in-length", F, "one byte of a length", two + b"\x00"),
        ("third-entry", F, "three where two belong", two + b"\x00\x00"),
        ("one-entry", F, "one where two belong", encode_entries([b"first"])),
        ("nothing", F, "no bytes", b""),
    ]
    cases = table(rows, (("width", "2"),))
    one = (("width", "1"),)
    largest = encode_entries([b"x" * 65_535])
    cases += [
        Case("largest-entry", OK, "65,535 bytes, the most that a length can say", largest, one),
        Case("empty-entry", OK, "its kind is refused later", b"\x00\x00", one),
    ]
    return cases


def roster_cases() -> list[Case]:
    name, secret = f"{ORIGIN}/roster/0badcafe", bytes(range(32))
    text = RosterKey(name, secret).to_text()
    made = RosterKey(name, secret).derive("C39TEST0001")
    found = (("token", made.token.verifier.to_text()), ("device", made.device))
    one = "C39TEST0001"
    rows = [
        ("plain", OK, "a machine's token and name", text, one),
        ("spelling", OK, "one serial number, however it is written", text, " c39test0001"),
        ("another-machine", F, "another token", text, "C39TEST0002"),
        ("no-serial", F, "what a maker wrote where there is none", text, "To be filled by O.E.M."),
        ("one-character", F, "no serial number", text, "0000000000"),
        ("too-short", F, "four characters at least", text, "A1B"),
        ("too-long", F, "64 characters at most", text, "A1" * 33),
        ("not-ascii", F, "ASCII", text, "C39TÉST0001"),
        ("two-spaces", F, "single spaces inside", text, "C39  TEST0001"),
        ("id-of-another", F, "a character was changed", text.replace("AAEC", "AAED"), one),
        ("secret-short", F, "32 bytes", text.rpartition("+")[0] + "+AAAA", one),
        ("signing-key", F, "a roster's key signs nothing", text.replace("ROSTER", "KEY", 1), one),
        ("name-without-roster", F, "its name says what it is", text.replace("/roster/", "/list/"), one),
        ("number-short", F, "8 hexadecimal digits", text.replace("0badcafe", "0badcaf"), one),
        ("newline", F, "one line", text + "\n", one),
    ]  # fmt: skip
    return [
        Case(name, expect, comment, body.encode(), (*found, ("serial", serial)))
        for name, expect, comment, body, serial in rows
    ]


def _valued(name: str, comment: str, body: str, value: str) -> Case:
    return Case(name, OK, comment, body.encode(), (("value", value),))


def duration_cases() -> list[Case]:
    bad = [
        ("empty", P, "nothing", ""),
        ("bare-number", P, "a unit is written", "15"),
        ("negative", P, "no sign", "-1s"),
        ("fraction", P, "whole numbers only", "1.5h"),
        ("leading-zero", P, "one spelling of a number", "015m"),
        ("week", P, "no such unit", "1w"),
        ("capital", P, "units are lower case", "15M"),
        ("two-spaces", P, "one space at most", "15  m"),
        ("newline-after", P, "nothing follows", "15m\n"),
        ("ten-digits", P, "nine digits at most", "1000000000s"),
        ("arabic-digits", P, "ASCII digits only", "\u0661\u0665m"),
    ]
    return [
        _valued("milliseconds", "half a second", "500ms", "0.5"),
        _valued("minutes", "the default cadence", "15m", "900.0"),
        _valued("with-space", "one space is allowed", "15 m", "900.0"),
        _valued("days", "a week", "7d", "604800.0"),
        _valued("zero", "at once: the demo's cadence", "0s", "0.0"),
        *table(bad),
    ]


def size_cases() -> list[Case]:
    bad = [
        ("empty", P, "nothing", ""),
        ("bare-number", P, "a unit is written", "1024"),
        ("decimal-unit", P, "MB means two things", "16 MB"),
        ("lower-case", P, "one spelling of a unit", "16 mib"),
        ("negative", P, "no sign", "-1 B"),
        ("fraction", P, "whole numbers only", "1.5 GiB"),
        ("leading-zero", P, "one spelling of a number", "016 MiB"),
        ("too-large", P, "2^53 bytes and more", "9000 TiB"),
        ("newline-after", P, "nothing follows", "16 MiB\n"),
    ]
    return [
        _valued("bytes", "down to one", "1 B", "1"),
        _valued("mebibytes", "the default batch", "16 MiB", "16777216"),
        _valued("without-space", "the space may be left out", "2GiB", "2147483648"),
        _valued("zero", "nothing at all; a policy refuses it", "0 B", "0"),
        *table(bad),
    ]


def json_cases() -> list[Case]:
    return table(
        [
            ("object", OK, "keys sorted, no space", '{"a":1,"b":[true,false,null],"c":{}}'),
            ("escapes", OK, "only what must be escaped", '"\\"\\\\\\n\\u0001é€😀/"'),
            ("largest-number", OK, "2^53 - 1", "9007199254740991"),
            ("negative", OK, "whole numbers may be negative", "-5"),
            ("core", OK, "an item's core", f'{{"blind":"{b64(bytes(16))}","kind":"segment","sha256":"{b64(bytes(range(32)))}","size":40,"source":"Postvak IN"}}'),
            ("context", OK, "a segment's context", f'{{"blind":"{b64(bytes(range(16)))}","coding":"identity","file":"0123456789abcdef0123456789abcdef","mtime":"1700000000000000001","path":"cur/1.eml","reader":"maildir"}}'),
            ("context-labels", OK, "a segment's context, with what was found in it", f'{{"blind":"{b64(bytes(range(16)))}","coding":"identity","file":"0123456789abcdef0123456789abcdef","labels":["citizen-number","classified"],"mtime":"1700000000000000001","path":"cur/1.eml","reader":"maildir"}}'),
            ("observation", OK, "an observation that a file vanished before it was captured", '{"files":[{"path":"cur/2.eml"}],"type":"vanished-uncaptured"}'),
            ("observation-path64", OK, "a path that is no UTF-8", '{"folders":["leeg",{"path64":"/2E="}],"type":"folders"}'),
            ("too-large-number", L, "2^53", "9007199254740992"),
            ("huge-number", F, "5,000 digits", "9" * 5000),
            ("float", F, "no fraction", "1.0"),
            ("exponent", F, "no exponent", "1e3"),
            ("minus-zero", F, "one spelling of zero", "-0"),
            ("nan", F, "not JSON, though many parsers take it", "NaN"),
            ("space", F, "no space between tokens", '{"a": 1}'),
            ("unsorted", F, "keys in order", '{"b":1,"a":2}'),
            ("key-twice", F, "parsers differ on which one counts", '{"a":1,"a":2}'),
            ("key-not-ascii", F, "orders of keys would differ", '{"é":1}'),
            ("escaped-slash", F, "an escape that is not needed", '"\\/"'),
            ("escaped-letter", F, "an escape that is not needed", '"\\u0061"'),
            ("capital-hex", F, "hexadecimal is lower case", '"\\u001F"'),
            ("lone-surrogate", F, "not Unicode", '"\\ud800"'),
            ("not-utf8", F, "an overlong slash", b'"\xc0\xaf"'),
            ("byte-order-mark", F, "no mark before the text", "\ufeff{}"),
            ("newline-after", F, "nothing follows", "{}\n"),
            ("too-large", L, "65,536 bytes of core or context at most", '"' + "x" * 65_535 + '"'),
        ("depth-8", OK, "eight arrays around a number", "[" * 8 + "1" + "]" * 8),
            ("depth-9", L, "nine arrays around a number", "[" * 9 + "1" + "]" * 9),
            ("depth-20000", L, "a parser's stack", "[" * 20_000 + "]" * 20_000),
        ]
    )  # fmt: skip


def padme_cases() -> list[Case]:
    lengths = (0, 1, 2, 9, 16, 17, 100, 511, 513, 1000, 4097, 65_537, 1_000_000, 2**27 + 1)
    return [
        Case(f"length-{n}", OK, "its Padmé length", str(n).encode(), (("padded", str(padme(n))),))
        for n in lengths
    ]


PHONE = """
[[phone]]
serial = "C39TEST0001"
custody = "telefoon-1"
from = 2026-07-01
until = 2030-07-01
"""
NEXT_PHONE = """
[[phone]]
serial = "C39TEST0001"
custody = "telefoon-2"
from = 2030-07-01
"""


TERM = "\n[term]\nbegins = 2026-07-01T12:00:00Z\nends = 2030-07-01\n"


def annex_cases() -> list[Case]:
    good = f"""device = "{DEVICE}"

[[source]]
name = "s1"
label = "Postvak IN"
path = "/home/test/Mail"

[exclude]
folders = ["Privé"]
correspondents = ["thuis@test.example"]
"""
    return table(
        [
            ("whole", OK, "everything that an annex can say", good),
            ("party-folders", OK, "folders of the party too", good + 'party_folders = ["Partij"]\n'),
            ("party-folders-not-a-list", P, "a list of strings", good + 'party_folders = "Partij"\n'),
            ("folder-of-both", P, "a folder has one class", good + 'party_folders = ["Privé"]\n'),
            ("device-only", OK, "nothing to add", f'device = "{DEVICE}"\n'),
            ("device-missing", P, "it says whom it is for", good.split("\n", 1)[1]),
            ("device-not-a-slug", P, "a-z, 0-9 and inner hyphens", good.replace(DEVICE, "Test Laptop")),
            ("key-unknown", P, "every key is known or refused", good + "regexes = []\n"),
            ("source-twice", P, "one name a source", good + '\n[[source]]\nname = "s1"\n'),
            ("source-key-unknown", P, "in tables too", good.replace("label =", "lable =")),
            ("label-with-slash", P, "a label is also a folder's name", good.replace("Postvak IN", "a/b")),
            ("label-dots", P, "never the folder above", good.replace("Postvak IN", "..")),
            ("label-too-long", P, "128 characters at most", good.replace("Postvak IN", "x" * 129)),
            ("folders-not-a-list", P, "a list of strings", good.replace('["Privé"]', '"Privé"')),
            ("folders-of-numbers", P, "a list of strings", good.replace('["Privé"]', "[1]")),
            ("source-not-a-table", P, "an array of tables", f'device = "{DEVICE}"\nsource = [1]\n'),
            ("not-toml", P, "a bracket is missing", good.replace("[exclude]", "[exclude")),
            ("huge-number", P, "5,000 digits", good + f"x = {'9' * 5000}\n"),
            ("phone", OK, "a serial, a custody, a term", good + PHONE),
            ("phone-for-good", OK, "a term without an end", good + PHONE.replace("until = 2030-07-01\n", "")),
            ("phone-handed-on", OK, "one person's after the other's", good + PHONE + NEXT_PHONE),
            ("phone-of-two", P, "never two people's at once", good + PHONE + NEXT_PHONE.replace("2030-07-01", "2030-06-30")),
            ("phone-of-two-for-good", P, "a term without an end leaves no other", good + PHONE.replace("until = 2030-07-01\n", "") + NEXT_PHONE),
            ("phone-until-before", P, "a term lasts", good + PHONE.replace("2030-07-01", "2026-07-01")),
            ("phone-serial-with-slash", P, "letters, digits, . _ : -", good + PHONE.replace("C39TEST0001", "C39/TEST0001")),
            ("phone-without-custody", P, "whose it is", good + PHONE.replace('custody = "telefoon-1"\n', "")),
            ("phone-key-unknown", P, "in tables too", good + PHONE.replace("until", "till")),
            ("term", OK, "from when until when", good + TERM),
            ("term-begins", OK, "it need not end yet", good + TERM.partition("ends")[0]),
            ("term-ends-before", P, "a term lasts", good + TERM.replace("2030-07", "2026-06")),
            ("term-key-unknown", P, "in tables too", good + TERM.replace("ends", "end")),
            ("term-not-a-time", P, "an hour has no date", good + "\n[term]\nends = 12:00:00\n"),
        ]
    )  # fmt: skip
