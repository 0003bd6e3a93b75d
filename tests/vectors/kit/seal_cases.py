# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of what a device seals: headers, manifests, files, keyrings, items."""

from __future__ import annotations

from kit.case import OK, Case, Edit, common, edited, kept
from kit.text_cases import Row, table
from kit.world import (
    ANNEX,
    DEVICE,
    ESCROW,
    OFFICE,
    ORIGIN,
    STRANGER,
    chance,
    device_key,
    header,
    items,
    keyring,
    keyring_file,
    log,
    vkey,
)
from lakzegel_core import age, cobblestone, note
from lakzegel_core.batch import sign_header
from lakzegel_core.encoding import b64
from lakzegel_core.keyring import DESTROYED, encode_keyring
from lakzegel_core.manifest import ManifestEntry

F, L = "FormatError", "LimitError"
SIZE, DIGEST, DECRYPT = "SizeMismatchError", "DigestMismatchError", "DecryptError"
SHORT = b64(bytes(31))


def header_cases() -> list[Case]:
    text = note.parse(log()[4]).text
    keys = [device_key("header")]
    contents = b64(keyring().contents)
    edits: list[Edit] = [
        ("final", "state open", "state final", OK, "the last of a custody"),
        ("state-unknown", "state open", "state closed", F, "open or final"),
        ("items-0", "items 2", "items 0", L, "at least one item"),
        ("items-65537", "items 2", "items 65537", L, "65,536 at most"),
        ("items-leading-zero", "items 2", "items 02", F, "one spelling"),
        ("batch-negative", "batch 0", "batch -1", F, "no sign"),
        ("epoch-too-large", "epoch 0", "epoch 9007199254740992", L, "2^53"),
        ("seen-without-root", "seen 4 ", "seen 4\nroot ", F, "size and root on one line"),
        ("closed-with-offset", "closed 2026-11-24T02:22:45Z", "closed 2026-11-24T03:22:45+01:00", F, "times are in UTC"),
        ("closed-lower-case", "closed 2026-11-24T02:22:45Z", "closed 2026-11-24t02:22:45z", F, "one spelling"),
        ("contents-short", f"contents {contents}", f"contents {SHORT}", F, "32 bytes"),
        ("device-capital", f"device {DEVICE}", "device Test-laptop", F, "a-z, 0-9 and inner hyphens"),
        ("policy-missing", f"policy {text.decode().split('policy ')[1].split()[0]}\n", "", F, "the policy in force"),
        ("lines-swapped", f"items 2\ncontents {contents}", f"contents {contents}\nitems 2", F, "lines have one order"),
        ("key-of-another-epoch", "epoch 0", "epoch 1", "RoleError", "a header key has one epoch"),
        ("key-of-another-device", f"device {DEVICE}", "device test-phone", "RoleError", "a header key has one device"),
        ("key-of-another-log", f"log {ORIGIN}", "log log.example/other", "RoleError", "a header key has one log"),
    ]  # fmt: skip
    long = text.replace(f"log {ORIGIN}".encode(), b"log " + b"l" * 250)
    large = note.sign(long + b"x " * 2000 + b"\n", keys)
    return [
        Case("plain", OK, "the first batch of a device", note.sign(text, keys), vkey(*keys)),
        *common(text, keys, STRANGER, vkey(*keys)),
        *edited(text, keys, vkey(*keys), edits),
        Case("too-large", L, "4,096 bytes at most", large, vkey(*keys)),
    ]


def _manifest() -> bytes:
    return b"".join(item.entry.to_bytes() for item in items())


def manifest_cases() -> list[Case]:
    good = _manifest()

    def sized(length: int) -> bytes:
        return ManifestEntry(length, bytes(32), bytes(32)).to_bytes() + good[72:]

    return table(
        [
            ("two", OK, "72 bytes an item", good),
            ("cut", SIZE, "a byte missing", good[:-1]),
            ("longer", SIZE, "a byte too many", good + b"\0"),
            ("one", SIZE, "one entry where two belong", good[:72]),
            ("nothing", SIZE, "no bytes", b""),
            ("length-0", F, "no item has 0 bytes", sized(0)),
            ("length-not-padded", F, "a plaintext of 513 bytes is not a Padmé length", sized(cobblestone.sealed_length(513))),
            ("length-below-512", F, "a plaintext has at least 512 bytes", sized(cobblestone.sealed_length(256))),
            ("length-no-ciphertext", F, "a last chunk shorter than its tag", sized(cobblestone.sealed_length(16_384) - 16)),
            ("length-768", OK, "a Padmé length", sized(cobblestone.sealed_length(768))),
            ("length-largest-chunk", OK, "16 KiB exactly has an empty last chunk", sized(cobblestone.sealed_length(16_384))),
            ("length-too-large", L, "256 MiB at most", sized(2**28 + 1)),
            ("length-2-to-63", L, "read without a sign", sized(2**63)),
        ],
        (("items", "2"),),
    )  # fmt: skip


def _file(head: bytes, manifest: bytes | None = None) -> bytes:
    body = b"".join(item.ciphertext for item in items())
    return head + (_manifest() if manifest is None else manifest) + body


def file_cases() -> list[Case]:
    good = _file(log()[4])
    swapped = _manifest()[72:] + _manifest()[:72]
    changed = bytearray(good)
    changed[-1] ^= 1
    key = device_key("header")
    start = len(log()[4])
    padded = ManifestEntry(2**28 + 1, bytes(32), bytes(32)).to_bytes() + _manifest()[72:]
    crossed = b"".join(item.ciphertext for item in reversed(items()))
    rows: list[Row] = [
        ("two-items", OK, "header, manifest, two items", good),
        ("cut-in-header", SIZE, "ends within its header", good[: start - 1]),
        ("cut-in-manifest", SIZE, "ends within its manifest", good[: start + 71]),
        ("cut-in-item", SIZE, "ends within its last item", good[:-1]),
        ("longer", SIZE, "a byte after the last item", good + b"\0"),
        ("item-altered", DIGEST, "the last byte of the last item", bytes(changed)),
        ("items-swapped", DIGEST, "in another order", log()[4] + _manifest() + crossed),
        ("manifest-swapped", DIGEST, "another root than the header's", _file(log()[4], swapped)),
        ("manifest-too-large", L, "refused before it is hashed", _file(log()[4], padded)),
        ("another-device", "UnknownKeyError", "signed by somebody else", _file(note.sign(note.parse(log()[4]).text, [STRANGER]))),
        ("header-altered", "SignatureError", "the number of items", _file(log()[4].replace(b"items 2", b"items 1"))),
        ("not-a-batch", F, "refused at its first byte", b"PK" + good),
        ("no-end-of-header", L, "4,096 bytes without its end", good[:100].ljust(5000, b"x")),
        ("empty", SIZE, "no bytes", b""),
    ]  # fmt: skip
    other = sign_header(header(*log()[:4], keyring=bytes(32)), key)
    whole = (*vkey(key), ("keyring", "follows"))
    at_random = (*vkey(key), ("random", "yes"))
    upload = good + keyring_file()
    return [
        *table(rows, vkey(key)),
        Case("at-random", OK, "read at random: header, manifest and size", good, at_random),
        Case("at-random-cut", SIZE, "a byte missing", good[:-1], at_random),
        Case("at-random-longer", SIZE, "a byte too many", good + b"\0", at_random),
        Case("at-random-cut-in-header", F, "no header at all", good[:200], at_random),
        Case("at-random-manifest-swapped", DIGEST, "another root", _file(log()[4], swapped), at_random),
        Case("upload", OK, "a batch file and its keyring", upload, whole),
        Case("upload-another-keyring", DIGEST, "not the header's", _file(other) + keyring_file(), whole),
        Case("upload-keyring-cut", DIGEST, "a byte missing", upload[:-1], whole),
        Case("upload-without-keyring", DIGEST, "no keyring at all", good, whole),
    ]  # fmt: skip


def keyring_cases() -> list[Case]:
    good = encode_keyring(keyring())
    contents = b64(keyring().contents).encode()
    first = keyring().slots[0]
    return table(
        [
            ("two-keys", OK, "32 bytes an item", good),
            ("one-destroyed", OK, "32 zero bytes", good.replace(first, DESTROYED)),
            ("cut", SIZE, "a byte missing", good[:-1]),
            ("longer", SIZE, "a byte too many", good + b"\0"),
            ("slot-missing", SIZE, "one key for two items", good[:-32]),
            ("items-0", L, "at least one item", good.replace(b"\n2\n", b"\n0\n")),
            ("items-65537", L, "65,536 at most", good.replace(b"\n2\n", b"\n65537\n")),
            ("items-leading-zero", F, "one spelling", good.replace(b"\n2\n", b"\n02\n")),
            ("version-2", F, "another version", good.replace(b"keyring/v1", b"keyring/v2")),
            ("contents-short", F, "32 bytes", good.replace(contents, SHORT.encode())),
            ("device-capital", F, "a-z, 0-9 and inner hyphens", good.replace(b"test-laptop", b"Test-laptop")),
            ("line-missing", F, "seven lines", good.replace(contents + b"\n", b"")),
            ("blank-line-missing", F, "the slots follow a blank line", good.replace(b"\n\n", b"\n", 1)),
            ("not-ascii", F, "lines of ASCII", good.replace(b"log.example", "lög.example".encode())),
            ("crlf", F, "lines end with a newline", good.replace(b"\n", b"\r\n", 8)),
        ]
    )  # fmt: skip


def keyring_file_cases() -> list[Case]:
    good = keyring_file()
    office = (("identity", OFFICE.to_text()),)
    escrow = (("identity", ESCROW.to_text()),)
    altered = bytearray(good)
    altered[-1] ^= 1
    mac = good.index(b"\n--- ") + 5
    other_mac = good[:mac] + (b"A" if good[mac : mac + 1] != b"A" else b"B") + good[mac + 1 :]
    random = chance("keyring file")
    scrypt = kept("keyring-file/passphrase") or age.encrypt_passphrase(
        encode_keyring(keyring()), "test", random=random, work_factor=1
    )
    other = kept("keyring-file/not-a-keyring") or age.encrypt(
        b"hello", [OFFICE.recipient], random=random
    )
    rows: list[Row] = [
        ("two-recipients", OK, "an age file for the office and its escrow", good),
        ("altered", DECRYPT, "the last byte", bytes(altered)),
        ("cut", DECRYPT, "a byte missing", good[:-1]),
        ("mac-altered", DECRYPT, "the header's MAC", other_mac),
        ("stanza-removed", DECRYPT, "the MAC covers all recipients", _one_stanza(good)),
        ("passphrase", F, "hybrid recipients only", scrypt),
        ("not-a-keyring", F, "an age file of something else", other),
        ("not-age", F, "another version", good.replace(b"encryption.org/v1", b"encryption.org/v2")),
        ("too-large", L, "4 MiB at most", good + bytes(2**22)),
    ]
    return [
        Case("escrow", OK, "the escrow opens it too", good, escrow),
        Case("another-identity", DECRYPT, "not a recipient", good, (("identity", ANNEX.to_text()),)),
        *table([row for row in rows if row[0] != "too-large"], office),
    ]  # fmt: skip


def _one_stanza(data: bytes) -> bytes:
    start = data.rindex(b"\n-> ") + 1
    return data[:start] + data[data.index(b"--- ", start) :]
