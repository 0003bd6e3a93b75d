# SPDX-License-Identifier: EUPL-1.2
"""Mails, chats and files whose names and insides are what an archive likes least."""

import base64
import gzip
import io
import random
import sqlite3
import tarfile
import wave
import zipfile

NAME_MAX = 255
E_ACUTE = "\u00e9"
E_DECOMPOSED = "e\u0301"
NAMES = [
    "CON",
    "con",
    "nul.txt",
    "COM1.eml",
    "..",
    "../../../etc/passwd",
    "C:\\windows\\system32",
    "\u202egnp.exe",
    "\u2066omgekeerd\u2069",
    "regel\r\n een",
    "regel\n\ttwee\x00",
    "x" * NAME_MAX,
    f"caf{E_ACUTE}",
    f"caf{E_DECOMPOSED}",
    f"CAF{E_ACUTE.upper()}",
    "Stukken",
    "STUKKEN",
    "stukken",
    ".verborgen",
    "-rf *",
    "--help",
    "eindigt op een punt.",
    "eindigt op een spatie ",
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{PILE OF POO}" * 12,
    "\x01\x02\x1b[31m",
    "<script>alert(1)</script>",
    "]]>&amp;<!--",
    "%0d%0a%25",
    "\u0430\u0440\u0440\u04cf\u0435",
    "=?utf-8?b?////?=",
    "pakbon.xml",
    "inventaris.json",
    "",
]


def file_name(number):
    """A name of a file as a hostile device may have it; those of one group differ by little."""
    group, which = divmod(number, len(NAMES) + 1)
    if which == len(NAMES):
        return b"cur/\xff\xfe%d" % group  # no UTF-8
    name = NAMES[which].replace("/", "_").replace("\x00", "_")
    if len(name) == NAME_MAX:
        name = name[: -len(str(group))]
    return f"cur/{name}{group}"


def head(number, subject):
    return (
        f"Message-ID: <{number}@x.example>\nFrom: a{number % 7}@x.example\n"
        f"Date: Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100\nSubject: {subject}\n"
    ).encode("utf-8", "surrogateescape")


def mail(number, files):
    """A mail with a nasty subject; the first, and then every second, have a file with them."""
    dice = random.Random(number)
    first = head(number, dice.choice(NAMES).replace("\r\n", "\n ") + dice.choice(NAMES))
    if number % 2 and number >= len(files):
        return first + f"\ntekst {number}\n".encode()
    ending, data = files[number % len(files)]
    name = NAMES[number % len(NAMES)].replace('"', "").replace("\n", "\n ")
    return first + multipart(f"{name}{ending}", data)


def multipart(name, data):
    parts = (
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nzie bijlage\n--x\n"
        "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}"\n\n'
    )
    return parts.encode() + base64.encodebytes(data) + b"--x--\n"


def nested(number, depth):
    """Mails in a mail, each in the one before."""
    inner = head(number, "diep") + b"\ntekst\n"
    for level in range(depth):
        first = f"Message-ID: <{number}-{level}@x>\nFrom: a@x\nSubject: {level}\n"
        inner = f"{first}Content-Type: message/rfc822\n\n".encode() + inner
    return inner


def mails(count):
    """Paths in a Maildir and what they hold: as many as asked for, and five with mails in mails."""
    files = formats()
    found = {file_name(n): mail(n, files) for n in range(count)}
    assert len(found) == count
    for number in range(5):
        found[f"cur/diep{number}"] = nested(count + number, 10 ** (number % 4))
    return found


def large(size, cut):
    """A mail with an attachment of this many bytes, and that attachment, in pieces of `cut`."""
    dice = random.Random(size)
    file = [dice.randbytes(min(cut, size - at)) for at in range(0, size, cut)]
    whole = head(9_999_999, "Groot") + multipart("groot.mp4", MP4 + b"".join(file))
    return [whole[at : at + cut] for at in range(0, len(whole), cut)], [MP4, *file]


def formats():
    """Endings and small files of many formats, each begun as its format says."""
    packed = {
        ".docx": ("word/document.xml", "<document/>", WORD),
        ".xlsx": ("xl/workbook.xml", "<workbook/>", SHEET),
    }
    found = [(ending, _office(*rest)) for ending, rest in packed.items()]
    found += [(".odt", _open_document("text")), (".ods", _open_document("spreadsheet"))]
    found += [(".zip", _zip({"a.txt": "een"})), (".gz", gzip.compress(b"een", mtime=0))]
    found += [(".tar", _tar()), (".wav", _wave()), (".sqlite", _sqlite())]
    return found + list(PLAIN.items())


MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08mdat"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cf"
    "c0000003010100c9fe92ef0000000049454e44ae426082"
)
PLAIN = {
    ".png": PIXEL,
    ".gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
    b"\x01\x00\x00\x02\x02D\x01\x00;",
    ".jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x01\x00H\x00H\x00\x00\xff\xd9",
    ".pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    ".rtf": b"{\\rtf1\\ansi een}",
    ".html": b"<!DOCTYPE html>\n<html><head><title>x</title></head><body>x</body></html>\n",
    ".svg": b'<?xml version="1.0"?>\n<svg version="1.1" xmlns="http://www.w3.org/2000/svg"/>\n',
    ".xml": b'<?xml version="1.0"?>\n<a/>\n',
    ".json": b'{"een": 1}\n',
    ".csv": b"a,b\n1,2\n",
    ".txt": b"een\n",
    ".vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Een\r\nEND:VCARD\r\n",
    ".ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    ".mp4": MP4 + bytes(8),
    ".mp3": b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" + bytes(413),
    ".tif": b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ".bmp": b"BM\x3a\x00\x00\x00\x00\x00\x00\x006\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00\x01"
    b"\x00\x00\x00\x01\x00\x18\x00" + bytes(28),
    ".webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11"
    b"\x88\x88\xfe\x07\x00",
    ".7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24),
    ".doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    ".exe": b"MZ" + bytes(62),
    ".onbekend": bytes(range(256)),
    ".leeg": b"",
}


def _zip(files, *, stored=()):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), text, kind)
    return packed.getvalue()


def _office(part, text, kind):
    types = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Types xmlns="http://schemas.'
        'openxmlformats.org/package/2006/content-types"><Override PartName="/'
        f'{part}" ContentType="{kind}"/></Types>'
    )
    return _zip({"[Content_Types].xml": types, "_rels/.rels": "<Relationships/>", part: text})


def _open_document(kind):
    full = f"application/vnd.oasis.opendocument.{kind}"
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content xmlns:office="urn:oasis:'
        'names:tc:opendocument:xmlns:office:1.0" office:version="1.2"/>'
    )
    listed = (
        '<?xml version="1.0"?>\n<manifest:manifest xmlns:manifest="urn:oasis:names:'
        'tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2"><manifest:file-entry '
        f'manifest:full-path="/" manifest:version="1.2" manifest:media-type="{full}"/>'
        "</manifest:manifest>"
    )
    files = {"mimetype": full, "content.xml": body, "META-INF/manifest.xml": listed}
    return _zip(files, stored=("mimetype",))


def _tar():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return packed.getvalue()


def _wave():
    packed = io.BytesIO()
    with wave.open(packed, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(80))
    return packed.getvalue()


def _sqlite():
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE een (twee)")
        return database.serialize()
    finally:
        database.close()
