# SPDX-License-Identifier: EUPL-1.2
"""Samples of content that means harm, all of our own making: nothing in them may ever run.

`ran` in a title, a dialog, a request or another address is how a page would show that one did.
"""

import base64
import io
import json
import struct
import zipfile
import zlib

EVIL = "https://evil.example"
ACT = "document.title='ran';alert('ran')"
_SCRIPT = f"<script>{ACT}</script>"
_ON = f'<img src=x onerror="{ACT}">'

MARKUP = {
    "script": _SCRIPT,
    "handler": _ON,
    "svg": f"<svg onload=\"{ACT}\"><script>{ACT}</script><a href='javascript:{ACT}'>x</a></svg>",
    "animate": f"<svg><animate onbegin=\"{ACT}\" attributeName=x dur=1s><set href='#x'/></svg>",
    "use": f"<svg><use href='data:image/svg+xml,<svg id=x onload={ACT}>#x'/></svg>",
    "foreign": f'<svg><foreignObject><iframe srcdoc="{_SCRIPT}"></iframe></foreignObject></svg>',
    "mutation-math": "<math><mtext><table><mglyph><style><!--</style>"
    f'<img title="--&gt;&lt;img src=x onerror={ACT}&gt;">',
    "mutation-svg": f'<svg></p><style><a id="</style><img src=x onerror={ACT}>">',
    "mutation-form": f"<form><math><mtext></form><form><mglyph><style></math>{_ON}",
    "mutation-noscript": f'<noscript><p title="</noscript>{_ON}">',
    "mutation-select": f"<select><template><style></select>{_ON}</style></template>",
    "plaintext": f'<xmp><p title="</xmp>{_ON}"></xmp><plaintext>{_ON}',
    "title": f'<title><p title="</title>{_ON}"></title><textarea></textarea>{_ON}',
    "comment": f"<!--><img src=x onerror={ACT}>--><!-- --!>{_ON}<!-->",
    "conditional": f"<!--[if gte IE 4]>{_SCRIPT}<![endif]--><?xml x?>{_ON}<![CDATA[{_ON}]]>",
    "template": f"<template shadowrootmode=open>{_ON}</template>",
    "style": f"<style>@import '{EVIL}/a.css';body{{background:url({EVIL}/b)}}</style>",
    "style-tricks": f"<style>@\\69mport url({EVIL}/a1);</style><style><style>@import '{EVIL}/a2'"
    f"</style><svg><style>*{{background:url({EVIL}/a3)}}</style></svg>"
    f'<p style="background:u\\72l({EVIL}/a4)">x</p><link rel=preload as=image href={EVIL}/a5>',
    "style-attribute": f'<div style="background:url({EVIL}/c);position:fixed;inset:0">x</div>',
    "refresh": f'<meta http-equiv=refresh content="0;url={EVIL}/d">',
    "csp": '<meta http-equiv=Content-Security-Policy content="script-src *">' + _SCRIPT,
    "refresh-later": "<svg><desc><meta http-equiv=refresh "
    f"content='0;url=data:text/html,{_SCRIPT}'>",
    "mutation-annotation": f"<math><annotation-xml encoding='text/html'>{_ON}</annotation-xml>"
    f"<mi xlink:href='javascript:{ACT}'>x</mi><maction actiontype='statusline'>{_ON}</maction>",
    "mutation-comment": f"<svg><style><!--</style>{_ON}--></style></svg>"
    f"<noembed><!--</noembed>{_ON}",
    "mutation-namespace": "<form><math><mtext></form><form><mglyph><svg><mtext><style>"
    f'<path id="</style>{_ON}">',
    "dialogs": f'<dialog open><form method=dialog><button autofocus onfocus="{ACT}"></dialog>'
    f"<input autofocus type=image src='{EVIL}/y' onerror=\"{ACT}\"><keygen autofocus>",
    "import": f"<link rel=import href='{EVIL}/z'><script type=speculationrules>"
    f'{{"prefetch":[{{"urls":["{EVIL}/p"]}}]}}</script><portal src={EVIL}></portal>',
    "base": f"<base href='{EVIL}/' target=_top><a href=e>x</a><img src=e>",
    "form": f"<form action='{EVIL}/f'><input autofocus onfocus=\"{ACT}\"><button>x</button></form>",
    "form-button": f"<button form=y formaction='javascript:{ACT}'>x</button><isindex action=x>",
    "javascript": f'<a href="javascript:{ACT}">a</a><a href="java&#9;script:{ACT}">b</a>'
    f'<a href="&#1;javascript:{ACT}">c</a><a href="JaVaScRiPt&colon;{ACT}">d</a>',
    "data": f'<a href="data:text/html,{_SCRIPT}">a</a><iframe src="data:text/html,{_SCRIPT}">',
    "vbscript": f"<a href='vbscript:{ACT}'>a</a><a href='file:///etc/passwd'>b</a>",
    "embed": f"<object data='{EVIL}/g'></object><embed src='{EVIL}/h'><applet code=x></applet>",
    "picture": f"<img src='{EVIL}/i' srcset='{EVIL}/j 2x' lowsrc='{EVIL}/k' dynsrc='{EVIL}/l'>",
    "source": f"<picture><source srcset='{EVIL}/m'><img src='//evil.example/n'></picture>",
    "media": f"<video src='{EVIL}/o' poster='{EVIL}/p'><audio src='{EVIL}/q'><track src='{EVIL}'>",
    "background": f"<table background='{EVIL}/r'><td background='{EVIL}/s'>x",
    "link": f"<link rel=stylesheet href='{EVIL}/t'><link rel=dns-prefetch href='{EVIL}'>",
    "cid": f"<img src='cid:x\" onerror=\"{ACT}'><img src='cid:svg'><img src='cid:page'>"
    "<img src='cid:../../etc/passwd'><img src='CID:%00'>",
    "frames": f"<frameset><frame src='{EVIL}/u'></frameset><iframe srcdoc='{_SCRIPT}'></iframe>",
    "clobber": "<form id=document><input name=body><img name=title id=title></form>",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;&#x3c;script&#x3e;alert(1)&#60;/script&#62;",
    "half": f'<img src=x onerror="{ACT}" <b>{_ON[:-1]}',
    "nul": f'<scr\0ipt>{ACT}</scr\0ipt><img\0 src=x onerror="{ACT}">',
    "bidi": "\u202egnp.exe\u202c <a href='http://\u0430pple.example/\u202emoc'>apple.example</a>",
    "ping": f"<a href='{EVIL}/v' ping='{EVIL}/w' target=_top>x</a><area href='{EVIL}/x'>",
    "popover": f'<div popover onbeforetoggle="{ACT}">x</div><details open ontoggle="{ACT}">',
    "marquee": f'<marquee onstart="{ACT}">x</marquee><body onpageshow="{ACT}">',
}  # fmt: skip

TEXTS = (  # as subjects, names, file names, words of a chat
    f'"><script>{ACT}</script>',
    f"'\"><img src=x onerror={ACT}>",
    "{{ 7*7 }}{% raw %}${7*7}#{7*7}<%= 7 %>",
    '=HYPERLINK("https://evil.example/";"x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\x1b]0;ran\x07\x1b[2J\x1b[31m\x9b31m\x9d0;ran\x9c",
    "\u202egnp.exe\u2066\u200b\u2028\u2029\ufeff",
    "\u0430nn\u0430@m\u0456nxyz.example",
    "../../../../etc/cron.d/ran",
    "C:\\Windows\\..\\CON.txt:stream",
    "]]><x/>&ran;<!DOCTYPE x [<!ENTITY ran SYSTEM 'file:///etc/passwd'>]>",
    '#eval("ran") $x$ #image("/etc/passwd") \\',
    "\ud800half\udfff\x00\x01\x7f\ufffe\uffff",
    "Z\u0300\u0301\u0302" * 60,
    "NUL",
    "--help",
    "",
    ".",
)  # fmt: skip

NAMES = (
    "../../../../tmp/ran",
    "/etc/ran",
    "..\\..\\ran",
    "a\0b",
    "CON",
    "nul.txt",
    "LPT1.pdf",
    "ran.\u202efdp.exe",
    "\u2024\u2024/ran",
    "ran. ",
    "~/.ssh/ran",
    "-rf",
    "x" * 4000,
    "a\r\nX-Ran: 1",
)


def mail(number, subject="Stukken", *, sender="Eva <eva@evil.example>", html=None, text="x"):
    """Return a mail whose fields are raw, as a careless program writes them."""
    kind = "text/plain" if html is None else "text/html"
    body = text if html is None else html
    fields = (
        ("Message-ID", f"<{number}@evil.example>"),
        ("From", sender),
        ("To", sender),
        ("Date", f"Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100"),
        ("Subject", subject.replace("\r", " ").replace("\n", " ")),
        ("Content-Type", f"{kind}; charset=utf-8"),
    )
    head = "".join(f"{name}: {value}\n" for name, value in fields)
    return f"{head}\n{body}\n".encode("utf-8", "surrogatepass")


def marked_up():
    """Yield a mail for each piece of markup, with parts that its `cid:` may name."""
    for number, (name, html) in enumerate(MARKUP.items()):
        yield name, with_parts(number, name, html)


def with_parts(number, subject, html):
    """Return a mail of HTML and of pictures that are none."""
    parts = [
        ("text/html; charset=utf-8", "", html.encode("utf-8", "surrogatepass")),
        ("image/svg+xml", "svg", f"<svg onload='{ACT}'/>".encode()),
        ("image/png", "page", _SCRIPT.encode()),
        ("image/png", "bomb", bomb_png()),
        ("image/gif", "both", b"GIF89a/*" + _SCRIPT.encode() + b"*/=0;"),
    ]  # fmt: skip
    head = mail(number, subject).split(b"\nContent-Type", 1)[0]
    body = b"".join(
        b"--x\nContent-Type: " + kind.encode() + b"\nContent-ID: <" + cid.encode() + b">\n\n"
        + data + b"\n" for kind, cid, data in parts
    )  # fmt: skip
    return head + b"\nContent-Type: multipart/related; boundary=x\n\n" + body + b"--x--\n"


def named():
    """Yield mails whose subjects, senders and attachments have the texts and names."""
    for number, text in enumerate(TEXTS, 100):
        yield mail(number, text, sender=f"{text} <eva@evil.example>", text=text)
    for number, name in enumerate(NAMES, 200):
        head = mail(number).split(b"\nContent-Type", 1)[0]
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode()
        yield (
            head + b"\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nx\n--x\nContent-Type:"
            b' application/x; name="' + quoted + b'"\nContent-Disposition: attachment; filename="'
            + quoted + b'"\n\nx\n--x--\n'
        )  # fmt: skip


def chat_lines():
    """Return a text export of a chat in which people write all of this."""
    words = [*TEXTS, *MARKUP.values(), *(f"<attached: {name}>" for name in NAMES)]
    lines = (
        f"[12-03-2024 09:{n // 60:02}:{n % 60:02}] Jan: {text}\n" for n, text in enumerate(words)
    )
    return "".join(lines).encode("utf-8", "surrogatepass")


def telegram():
    """Return an export of Telegram with values that no program writes."""
    odd = [*TEXTS, *NAMES, 10**400, -1, float("nan"), float("inf"), [], {}, [{"text": [1]}], None]
    rows = []
    for number, value in enumerate(odd):
        kind = "service" if number % 2 else "message"
        rows.append({"id": number, "type": kind, "date": "2024-03-12T08:01:00"})
        names = ("text", "title", "from", "from_id", "file", "photo", "reactions", "action")
        rows[-1] |= dict.fromkeys(names, value)
        rows[-1] |= {"date_unixtime": "9" * 12, "reply_to_message_id": value, "period": value}
    chat = {"name": TEXTS[0], "type": "personal_chat", "id": 1, "messages": rows}
    return json.dumps(chat).encode(), len(odd)


def store_lines():
    """Return a conversation of a store with absurd values."""
    odd = [*TEXTS, {"integer": "9" * 30}, {"integer": "9" * 5000}, {"real": "nan"}, 2**63, -(2**70)]
    odd += [1e308, None, True, [], {"base64": "!"}, {"text": {"text": {}}}]
    lines = [json.dumps({"jid": TEXTS[1], "kind": "whatsapp-android", "people": {"1": TEXTS[0]}})]
    for number, value in enumerate(odd):
        row = {"_id": number, "text_data": value, "timestamp": value, "sender_jid_row_id": value}
        lines.append(json.dumps({"row": {**row, "message_type": value}, "table": "message"}))
    return ("\n".join(lines) + "\n").encode(), len(odd)


def bomb_png(side=60_000):
    """Return a small PNG that says it is 60,000 by 60,000."""

    def chunk(kind, data):
        sized = struct.pack(">I", len(data)) + kind + data
        return sized + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(1 << 16), 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zipped(name, data):
    """Return an archive of one member with this name, however odd."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x" * len(name.encode()), data)
    return out.getvalue().replace(b"x" * len(name.encode()), name.encode())


def nested(depth=60):
    """Return a zip in a zip, and so on."""
    data = bytes(1 << 20)
    for _ in range(depth):
        data = zipped("n.zip", data)
    return data


def in_charsets():
    """Yield mails whose bytes are a script in one charset and text in another one."""
    for number, (charset, data) in enumerate(
        (
            ("utf-7", b"+ADw-script+AD4-" + ACT.encode() + b"+ADw-/script+AD4-"),
            ("utf-16", _SCRIPT.encode("utf-16")),
            ("utf-16be", _SCRIPT.encode("utf-16be")),
            ("utf-32", _SCRIPT.encode("utf-32")),
            ("iso-2022-jp", b"\x1b$B" + _SCRIPT.encode() + b"\x1b(B" + _ON.encode()),
            ("hz-gb-2312", b"~{" + _SCRIPT.encode() + b"~}" + _ON.encode()),
            ("cp037", _SCRIPT.encode("cp037")),
            ("x-user-defined", _SCRIPT.encode()),
            ("../../etc/passwd", _SCRIPT.encode()),
            ("rot13", b"<fpevcg>" + ACT.encode() + b"</fpevcg>"),
            ("unicode_escape", b"\\x3cscript\\x3e" + ACT.encode() + b"\\x3c/script\\x3e"),
            ("\xe9", _SCRIPT.encode()),
        ),
        300,
    ):
        head = mail(number, charset).split(b"\nContent-Type", 1)[0]
        kind = f'\nContent-Type: text/html; charset="{charset}"\n\n'.encode("latin-1")
        yield head + kind + data


def odd_mails():
    """Yield what makes mails that are hardly any, or far too much of one thing."""
    head = mail(400, "stukken").split(b"\nContent-Type", 1)[0]

    def kind(text, body):
        return head + b"\nContent-Type: " + text + b"\n\n" + body

    def named(rows):
        return kind(b"a/b\nContent-Disposition: attachment; " + rows, b"x")

    pieces = (b"filename*%d*=%%41; " % n for n in range(20_000))
    tnef = b'x\x9f>"' + b"\xff" * 4000
    stray = b"filename*1*=b; filename*0*=utf-7''%2BADw-; filename*999999999999=c"
    line = b"Received: from x by y; Mon, 11 Mar 2024 08:00:10 +0100\n"
    zips = b"application/zip; name=bom.zip\nContent-Transfer-Encoding: base64"
    yield "nothing", bytes
    yield "a line's end", lambda: b"\n"
    yield "no header", lambda: b"\n\nx"
    yield "zeros", lambda: bytes(5000)
    yield "no body", lambda: b"Subject: x"
    yield "carriage returns", lambda: b"Subject: x\rFrom: y\r\rz"
    yield "received", lambda: line * 100_000 + head + b"\n\nx"
    yield "a header of 10 MB", lambda: b"X-Long: " + b"a" * (10 << 20) + b"\n" + head + b"\n\nx"
    yield "a folded header", lambda: b"X-Long: a\n" + b" b\n" * 500_000 + head + b"\n\nx"
    yield "parts in parts", lambda: kind(b"multipart/mixed; boundary=x", _deep(10_000))
    yield "mails in mails", lambda: head + b"\nContent-Type: message/rfc822\n\n" * 10_000
    yield (
        "a name in parts",
        lambda: named(b"".join(pieces)),
    )
    yield "a name out of order", lambda: named(stray)
    yield (
        "tnef",
        lambda: kind(b"application/ms-tnef; name=winmail.dat", tnef),
    )
    yield "a zip bomb", lambda: kind(zips, base64.encodebytes(zipped("ran.html", bytes(50 << 20))))
    yield "elements in elements", lambda: kind(b"text/html", b"<div>" * 100_000 + b"x")
    yield "uuencoded", lambda: head + b"\n\nbegin 644 ../../ran\n#0V%T\n`\nend\n"


def _deep(depth):
    kind = b"--x%d\nContent-Type: multipart/mixed; boundary=x%d\n\n"
    return b"--x\n\n" + b"".join(kind % (n - 1, n) for n in range(1, depth))


def heavy():
    """Yield what costs time where a program is careless: a name, and how it grows."""

    def many(text, size):
        return (text * (size // len(text) + 1))[:size]

    def body(kind, text):
        return lambda size: b"Subject: x\nContent-Type: " + kind + b"\n\n" + many(text, size)

    yield "punycode", body(b"text/plain; charset=punycode", b"aaaa")
    yield "punycode of bytes", body(b"text/plain; charset=punycode", b"\xffa-a")
    yield "idna", body(b"text/plain; charset=idna", b"xn--a")
    yield (
        "base64",
        lambda size: b"Subject: x\nContent-Transfer-Encoding: base64\n\n" + many(b"=A!@", size),
    )
    yield "encoded words", lambda size: b"Subject: " + many(b"=?a?q?", size) + b"\n\nx"
    yield "separators", body(b"multipart/mixed; boundary=x", b"--x\n\n")
    yield (
        "names",
        lambda size: (
            b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n"
            + many(b"--x\nContent-Type: a/b; name*=punycode''" + b"a" * 8000 + b"\n\nx\n", size)
        ),
    )
    yield "header", lambda size: many(b"X-Y: z\n", size) + b"\nx"
    yield "comments", lambda size: b"From: " + many(b"(", size) + b"\n\nx"


def heavy_markup():
    """Yield markup that costs a parser or a browser much, by its size."""
    for name, text in (
        ("depth", "<div>"),
        ("ends", "<span></x>"),
        ("forms", "<form><div>"),
        ("formatting", "<b><i><u><s><em><p>"),
        ("tables", "<table>"),
        ("links", "<a href='http://\u00e9.example/'>x</a>"),
        ("pictures", "<img src='cid:x'>"),
        ("directions", "\u202e"),
        ("ampersands", "&"),
        ("unended", "<b "),
        ("unquoted", "<a/b="),
    ):
        yield name, lambda size, text=text: (text * (size // len(text) + 1))[:size]
    yield "attributes", lambda size: "<p " + "".join(f"a{n} " for n in range(size // 6)) + ">"
    yield "unlike", lambda size: "".join(f"<b x={n}><p>" for n in range(size // 14))
    yield (
        "host",
        lambda size: (
            "<a href='http://" + "".join(chr(0x4E00 + n % 20000) for n in range(size)) + "'>x</a>"
        ),
    )
