# SPDX-License-Identifier: EUPL-1.2
"""What segments are looked through for, and what becomes of what was found (guards.md §8)."""

import base64
import quopri
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.content import scanning
from lakzegel_agent.content.mailtext import MAX_PARTS, MAX_TEXT
from lakzegel_agent.content.scanning import Scanner, Seen
from lakzegel_agent.guards.of_content import Kept
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.sealing.jobs import Setup

BOTH = ("classified", "citizen-number")
HEAD = b"From: a@minxyz.example\nTo: b@minxyz.example\nSubject: nota\n"
PLAIN = b"Goedemorgen, morgen om tien uur in de Kamer."
MARKED = "Geachte minister,\n\nStg. GEHEIM\n\nHierbij de nota."


def look(data, reader="eml", asked=BOTH):
    return Scanner(asked).look(data, reader)


def part(text, *, subtype="plain", cte="base64", charset="utf-8"):
    mail = EmailMessage()
    mail["Subject"] = "nota"
    mail.set_content(text, subtype=subtype, cte=cte, charset=charset)
    return bytes(mail)


def body(data, kind="text/plain; charset=utf-8", coding="base64", head=HEAD):
    return head + f"Content-Type: {kind}\nContent-Transfer-Encoding: {coding}\n\n".encode() + data


def multipart(*parts, boundary="b=_1"):
    glue = b"\r\n--" + boundary.encode()
    inner = b"".join(glue + b"\r\n" + one for one in parts)
    return (
        HEAD + f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode()
        + b"voorwoord" + inner + glue + b"--\r\n"
    )  # fmt: skip


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("cte", ["7bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_marking_is_found_in_every_coding_of_a_mail(subtype, cte, nested):
    text = MARKED if subtype == "plain" else "<html><p>St<b>g.</b>&nbsp;GE<i>HEIM</i></p></html>"
    data = part(text, subtype=subtype, cte=cte)
    if nested:
        data = multipart(body(PLAIN, coding="7bit", head=b""), data)
        data = body(data, kind="message/rfc822", coding="7bit")
        data = multipart(data, body(b"%PDF", kind="application/pdf", head=b""), boundary="buiten")
    assert look(data) == Seen(("classified",))
    assert look(data.replace(b"\r\n", b"\n")) == Seen(("classified",))
    assert look(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) == Seen(("classified",))


@pytest.mark.parametrize(
    ("data", "reader"),
    [
        (b"From a@x Tue Nov 24 02:07:45 2026\n" + body(base64.b64encode(MARKED.encode())), "mbox"),
        (b"1234\n" + body(base64.b64encode(MARKED.encode())), "emlx"),
        (body(base64.b64encode(MARKED.encode())), "maildir"),
        (body(base64.b64encode(MARKED.encode()).rstrip(b"=")), "eml"),
        (body(base64.b64encode(MARKED.encode()) + b"\n-- \nlijst"), "eml"),
        (body(base64.encodebytes(MARKED.encode() * 9).replace(b"\n", b" \n\t")), "eml"),
        (body(base64.b64encode(MARKED.encode("utf-16")), "text/plain; charset=utf-16"), "eml"),
        (body(base64.b64encode(MARKED.encode()), "text/plain; charset=punycode"), "eml"),
        (body(base64.b64encode(MARKED.encode()), "text/plain; charset=nergens"), "eml"),
        (body(base64.b64encode(MARKED.encode()), "TEXT/Plain", " BASE64 "), "eml"),
        (body(quopri.encodestring(MARKED.encode()).replace(b"GEH", b"G=\n=45H"),
              coding="quoted-printable"), "eml"),
        (b"Subject: =?utf-8?B?" + base64.b64encode(b"Stg. GEHEIM") + b"?=\n\n", "eml"),
        (b"Subject: =?iso-8859-1?Q?Stg=2E_GE?=\n =?iso-8859-1?Q?HEIM?=\n\nx", "eml"),
        (b"Subject: Stg.\n GEHEIM\n\nx", "eml"),
        (b'{"body":"stuk\\nStg.\\nGEHEIM"}\n', "signal-desktop"),
        ("Stg. GEHEIM".encode("utf-16"), "msg"),
        (b"abc\0Stg. GEHEIM\0abc", "msg"),
        (b"caf\xe9: Stg. GEHEIM", "folder"),
    ],
)  # fmt: skip
def test_a_marking_is_found_however_it_is_written(data, reader):
    assert look(data, reader) == Seen(("classified",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN,
        body(base64.b64encode(PLAIN)),
        body(base64.b64encode(MARKED.encode()), "application/pdf"),
        body(base64.b64encode(MARKED.encode()), 'text/plain; name="x"', "x-uuencode"),
        HEAD + b"Content-Type: multipart/mixed\n\nniets",
        HEAD + b"Content-Type: multipart/mixed; boundary=x\n\nniets",
        HEAD + b"Content-Type: text/plain; charset=\xff\xfe\n\n" + PLAIN,
        b"Content-Type: text/html\n\n&#" + b"1" * 4_000 + b";",
        b"\0" * 1_000,
    ],
)
def test_nothing_is_found_where_nothing_is(data):
    assert look(data) == Seen(())


def test_only_what_is_asked_for_is_looked_for():
    both = (MARKED + "\nBSN 111222333").encode()
    assert look(both) == Seen(("citizen-number", "classified"))
    assert look(both, asked=("classified",)) == Seen(("classified",))
    assert look(both, asked=("citizen-number",)) == Seen(("citizen-number",))
    assert look(b"zaak 111222333") == Seen((), bare=True)
    assert look(b"zaak 111222333", asked=("classified",)) == Seen(())


def test_more_text_than_the_limits_gives_its_label_and_what_the_rest_gave():
    behind = b"a" * MAX_TEXT + b" Stg. GEHEIM"
    assert look(behind, "folder") == Seen(("not-scanned-whole",))
    assert look(body(base64.b64encode(behind))) == Seen(("not-scanned-whole",))
    assert look(b"BSN 111222333 " + behind, "folder").labels == (
        "citizen-number",
        "not-scanned-whole",
    )
    attached = body(base64.encodebytes(bytes(3 * MAX_TEXT)), "application/zip", head=b"")
    text = body(base64.b64encode(MARKED.encode()), head=b"")
    assert look(multipart(attached, text)) == Seen(("classified",))  # nothing of it was left out


def test_more_parts_than_the_limit_give_the_label():
    small = body(b"x", coding="7bit", head=b"")
    assert look(multipart(*[small] * (MAX_PARTS - 1))) == Seen(())
    assert look(multipart(*[small] * (MAX_PARTS + 1))) == Seen(("not-scanned-whole",))


def test_a_fault_gives_its_label_and_no_exception(monkeypatch):
    def fails(_):
        raise MemoryError

    monkeypatch.setattr(scanning, "is_marked", fails)
    assert look(PLAIN) == Seen(("scan-failed",))


def nest(depth, inner):
    heads = (
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    return b"".join(heads) + inner


HOSTILE = {
    "digits": b"1" * 2**20,
    "digits in a mail": HEAD + b"\n" + b"1" * 2**20,
    "quoted-printable": body(b"=\n" * 2**22, coding="quoted-printable"),
    "quoted-printable zeros": body(b"=00" * 2**21, coding="quoted-printable"),
    "nested": nest(5_000, b"\n" * 2**20),
    "nested mails": b"Content-Type: message/rfc822\n\n" * 200_000,
    "empty parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 2**20,
    "near boundaries": HEAD + b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"\n--" * 2**21,
    "parameters": HEAD + b"Content-Type: text/plain" + b';"' * 30_000 + b"\n\nx",
    "coded words": b"Subject: " + b"=?a?q?" * 10_000 + b"\n\nx",
    "a field a line": b"a:\n" * 2**20,
    "open tags": body(b"<b " * 2**18, "text/html", "7bit"),
    "entities": body(b"&#x1" * 2**18, "text/html", "7bit"),
    "a base64 line": body(b"A" * 2**22),
    "punycode": body(b"a-" * 2**19, "text/plain; charset=punycode", "7bit"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_take_time_that_is_linear_in_their_bytes(name):
    began = time.process_time()
    look(HOSTILE[name])
    assert time.process_time() - began < 20  # quadratic would be hours


@given(st.binary(max_size=400), st.sampled_from(["eml", "mbox", "folder"]))
def test_no_bytes_make_the_look_fail(data, reader):
    for head in (b"", HEAD + b"\n", HEAD + b"Content-Type: multipart/x; boundary=a\n\n--a\n"):
        assert "scan-failed" not in look(head + data, reader).labels


# a whole pass


@pytest.fixture
def mails(engine):
    engine.watch(reader="maildir")
    engine.write("cur/1.host:2,S", HEAD + b"\n" + PLAIN)
    engine.write("cur/2.host:2,S", body(base64.b64encode(MARKED.encode())))
    return engine


def labelled(engine):
    items = engine.archive().of_kind("segment")
    return {s.item.context["path"]: s.item.context.get("labels") for s in items}


def found(engine, guard="classified-markings"):
    return Kept.of(GuardNotes(engine.ledger, guard), "found")


def test_of_two_mails_exactly_the_marked_one_is_labelled_and_counted(mails):
    mails.use(labels=BOTH)
    mails.capture()
    assert labelled(mails) == {"cur/1.host:2,S": None, "cur/2.host:2,S": ["classified"]}
    (marked,) = [s for s in mails.archive().of_kind("segment") if "labels" in s.item.context]
    assert list(marked.item.context) == sorted(marked.item.context)
    kept = found(mails)
    assert (kept.count, kept.sources) == (1, {"docs": 1})
    assert kept.items == [[marked.epoch, marked.batch, marked.index]]
    assert found(mails, "citizen-numbers") == Kept()


def test_without_a_policy_that_asks_nothing_is_labelled_or_even_imported(mails):
    mails.capture()
    assert set(labelled(mails).values()) == {None}
    assert found(mails) == Kept()
    extra = {"lakzegel_agent.content.scanning", "lakzegel_agent.sealing.labelling"}
    code = f"import sys, lakzegel_agent.sealing.worker; assert not {extra!r} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Setup.__new__.__defaults__ == ((),)


def test_what_is_reused_is_not_looked_through_again(engine, monkeypatch):
    engine.watch(reader="mbox")
    one = b"From a@x Tue Nov 24 02:07:45 2026\n" + HEAD + b"\nStg. GEHEIM\n\n"
    engine.use(labels=BOTH)
    engine.write("Inbox", one)
    engine.capture()
    assert found(engine).count == 1
    engine.write("Inbox", one + b"From b@x Tue Nov 24 03:07:45 2026\n" + HEAD + b"\nhallo\n\n")
    engine.capture()
    assert found(engine).count == 1
    assert engine.archive().latest()[b"Inbox"].count(b"From ") == 2


def test_turned_on_later_it_labels_what_is_sealed_from_then_on(mails):
    mails.capture()
    mails.use(labels=BOTH)
    mails.write("cur/3.host:2,S", HEAD + b"\nBSN 111222333")
    mails.capture()
    assert labelled(mails) == {
        "cur/1.host:2,S": None,
        "cur/2.host:2,S": None,
        "cur/3.host:2,S": ["citizen-number"],
    }
    assert (found(mails).count, found(mails, "citizen-numbers").count) == (0, 1)


def test_a_big_file_over_several_batches_is_looked_through_too(engine):
    engine.watch(reader="mbox")
    engine.use(labels=BOTH, batch_limit=2**16)
    start = b"From a@x Tue Nov 24 02:07:45 2026\n" + HEAD
    mail = start + b"\n" + b"x" * 9_000 + b"\n\n"
    engine.write("Inbox", mail * 40 + start + b"\nDep. VERTROUWELIJK\n\n" + mail * 3)
    engine.capture()
    assert found(engine).count == 1
    (named,) = found(engine).items
    (item,) = [s for s in engine.archive().items if [s.epoch, s.batch, s.index] == named]
    assert b"Dep. VERTROUWELIJK" in item.item.payload


def test_a_look_that_fails_stops_nothing(mails, monkeypatch):
    mails.pool.prefer_here(safe=True)  # this process does the job

    def fails(_):
        raise RecursionError

    monkeypatch.setattr(scanning, "is_marked", fails)
    mails.use(labels=("classified",))
    assert mails.capture().sealed == 2
    assert set(map(tuple, labelled(mails).values())) == {("scan-failed",)}
    assert Kept.of(GuardNotes(mails.ledger, "classified-markings"), "scan-failed").count == 2


DAY = 86_400_000


def test_of_a_chat_the_day_is_labelled_on_which_it_was_written(engine, whatsapp):
    store = whatsapp()
    monday = 1_710_144_000_000
    store.say(1, "Goedemorgen", at=monday)
    store.say(1, "Zijn BSN is 111222333, toch?\nStg.\nGEHEIM", at=monday + DAY)
    store.say(1, "zaak 123456782", at=monday + 2 * DAY)
    engine.watch(reader="whatsapp-android", root=bytes(store.path.parent))
    engine.use(labels=BOTH)
    engine.capture()
    days = {
        s.item.payload: s.item.context.get("labels") for s in engine.archive().of_kind("segment")
    }
    assert [labels for data, labels in days.items() if b"Goedemorgen" in data] == [None]
    assert [labels for data, labels in days.items() if b"BSN" in data] == [sorted(BOTH)]
    assert [labels for data, labels in days.items() if b"zaak" in data] == [None]
    kept = found(engine, "citizen-numbers")
    assert kept.count == 1
    assert kept.bare >= 1
    store.say(1, "nog een woord", at=monday + 3 * DAY)
    engine.capture()
    assert found(engine, "citizen-numbers").count == 1


def test_public_mail_without_dutch_numbers_or_markings_gets_no_label():
    corpus = Path(__file__).parents[4] / "shared/data/mail-spamassassin"
    mails = sorted(corpus.glob("*.eml"))
    if not mails:
        pytest.skip("the corpus is not beside this checkout: ../shared/data/mail-spamassassin")
    seen = [look(mail.read_bytes()) for mail in mails]
    assert {label for one in seen for label in one.labels} == set()
    assert sum(one.bare for one in seen) < len(mails) // 20
