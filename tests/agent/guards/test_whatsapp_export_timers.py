# SPDX-License-Identifier: EUPL-1.2
"""Timers of chats, by what WhatsApp's own lines in exports tell (docs/spec/settings-guarded.md)."""

from __future__ import annotations

import io
import os
import zipfile
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards import of_exports, of_whatsapp_files
from lakzegel_agent.guards.base import PlaceError, Reading, State
from lakzegel_agent.guards.of_exports import MAX_LINE, Lines, unpacked
from lakzegel_agent.guards.of_whatsapp import look_through
from lakzegel_agent.guards.of_whatsapp_files import chat_of, chats_in_zip
from lakzegel_agent.guards.of_whatsapp_moments import Dates
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_agent.guards.whatsapp_export_timers import GUARD
from lakzegel_agent.readers.zipseams import entries
from lakzegel_agent.view import View

from .conftest import Kept, Make, readings, states
from .whatsapp_texts import (
    ANDROID_EN,
    ANDROID_NL,
    DAY,
    IPHONE_EN,
    IPHONE_NL,
    KNOWN,
    LAYOUTS,
    MARK,
    NEW,
    PEOPLE,
    UNKNOWN,
    Layout,
)

KIND = "whatsapp-export"
ON = f"You turned on disappearing messages. {NEW} 7 days after they're sent."
OFF = "You turned off disappearing messages."
ids = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def put(root: Path, name: str, text: str | bytes, *, at: float | None = None) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    if at is not None:
        os.utime(path, (at, at))
    return path


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in members.items():
            made.writestr(name.replace("__", "."), text)
    return buffer.getvalue()


def only(around: Make, root: Path) -> Reading:
    (found,) = readings(GUARD, around((KIND, root)))
    return found


def told(text: str) -> tuple[str, str]:
    """State and reason of one export, whatever its name."""
    talk = look_through(Lines([text.encode()]), "Team")
    return (State.UNKNOWN, talk.why) if talk.why else talk.timer.state


@ids
@pytest.mark.parametrize(("wording", "kind", "seconds"), KNOWN)
def test_each_known_wording_says_what_it_says_on_every_phone(
    around: Make, tmp_path: Path, layout: Layout, wording: str, kind: str, seconds: int | None
) -> None:
    put(tmp_path, layout.file, layout.text(layout.said("hoi"), layout.own(wording, 5)))
    found = only(around, tmp_path)
    assert found.subject == "Bron 0/Team"
    if kind == "off":
        assert (found.state, found.reason) == (State.COMPLIANT, "")
    else:
        assert (found.state, found.reason) == (State.DRIFTED, "timer")
        assert found.value["seconds"] == seconds
    (event,) = found.value["events"]
    assert (event["kind"], event["seconds"]) == (kind, 0 if kind == "off" else seconds)
    assert event["at"].startswith(("13-03-2024", "13/03/2024", "3/13/24"))


@ids
@pytest.mark.parametrize("wording", UNKNOWN)
def test_a_line_about_timers_that_is_not_known_is_unknown(layout: Layout, wording: str) -> None:
    assert told(layout.text(layout.own(OFF), layout.own(wording, 5))) == (
        "unknown", "unknown-wording",
    )  # fmt: skip


@ids
def test_a_later_known_line_settles_it(layout: Layout) -> None:
    lines = layout.own(UNKNOWN[0], 1), layout.own(OFF, 2)
    assert told(layout.text(*lines)) == ("compliant", "")
    assert told(layout.text(*lines, layout.own(ON, 3))) == ("drifted", "timer")


@ids
@pytest.mark.parametrize("said", PEOPLE)
def test_what_people_write_does_not_count(layout: Layout, said: str) -> None:
    assert told(layout.text(layout.said(said, 1))) == ("compliant", "")
    assert told(layout.text(layout.own(ON, 1), layout.said(said, 2))) == ("drifted", "timer")


@ids
def test_a_chat_without_any_such_line_is_compliant(layout: Layout) -> None:
    assert told(layout.text(layout.said("hoi"))) == ("compliant", "")


def test_an_export_in_a_language_that_is_not_known_is_unknown() -> None:
    lines = (
        "13.03.24, 09:15 - Nachrichten sind Ende-zu-Ende-verschl\u00fcsselt.\n",
        "13.03.24, 09:16 - Jan hat selbstl\u00f6schende Nachrichten aktiviert.\n",
        "13.03.24, 09:17 - Jan: hallo\n",
    )
    assert told("".join(lines)) == ("unknown", "other-language")


def test_marks_of_media_tell_the_language_where_the_beginning_is_gone() -> None:
    assert told(ANDROID_NL.said("<Media weggelaten>")) == ("compliant", "")
    assert told(ANDROID_NL.said("Guten Tag")) == ("unknown", "other-language")


@pytest.mark.parametrize(
    "text",
    ["", "\n", "boodschappen\n", "13-03-2024 - Jan: hoi\n", "[13-03-2024 09:15 - Jan: hoi\n"],
)
def test_an_export_without_heads_is_unknown(around: Make, tmp_path: Path, text: str) -> None:
    put(tmp_path, "WhatsApp-chat met Jan.txt", text)
    assert states([only(around, tmp_path)]) == {"Bron 0/Jan": ("unknown", "no-header")}


def test_an_export_in_another_encoding_is_unknown(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "WhatsApp-chat met Jan.txt", ANDROID_NL.text().encode("utf-16"))
    assert only(around, tmp_path).reason == "no-header"


@ids
def test_an_export_that_ends_within_a_line_is_unknown(layout: Layout) -> None:
    assert told(layout.text(layout.own(ON)).rstrip("\n")) == ("unknown", "half-written")


def test_carriage_returns_do_not_matter() -> None:
    assert told(ANDROID_NL.text(ANDROID_NL.own(ON)).replace("\n", "\r\n")) == (
        "drifted", "timer",
    )  # fmt: skip


def test_on_an_iphone_off_counts_of_the_chat_itself_alone() -> None:
    def off(sender: str | None) -> tuple[str, str]:
        return told(IPHONE_NL.text(IPHONE_NL.own(ON), IPHONE_NL.own(OFF, 1, sender)))

    assert off("Team") == ("compliant", "")
    assert off(None) == ("compliant", "")
    assert off("Piet") == ("unknown", "unsure-sender")  # or he typed the mark
    assert told(IPHONE_NL.text(IPHONE_NL.own(ON, 1, "Piet"))) == ("drifted", "timer")


def test_on_an_iphone_a_group_may_have_a_colon_in_its_name() -> None:
    text = "".join(IPHONE_NL.own(line, 0, "Project: X") for line in (IPHONE_NL.notice, ON, OFF))
    assert told(text) == ("compliant", "")


def test_an_iphone_text_without_marks_cannot_be_told() -> None:
    text = IPHONE_EN.text(IPHONE_EN.own(OFF)).replace(MARK, "")
    assert told(text) == ("unknown", "unsure-sender")
    assert told(IPHONE_EN.text(IPHONE_EN.said("hoi")).replace(MARK, "")) == ("compliant", "")


def test_on_android_a_line_in_another_layout_is_not_taken_for_either() -> None:
    pasted = ANDROID_NL.said(f"kijk\n3/12/24, 9:15 AM - {OFF}", 1)
    assert told(ANDROID_NL.text(pasted)) == ("unknown", "other-layout")
    quoted = ANDROID_NL.said(f"kijk\n3/12/24, 9:15 AM - Jan: {OFF}", 1)
    assert told(ANDROID_NL.text(quoted)) == ("compliant", "")


def test_a_line_of_another_layout_is_read_as_that_layout_is() -> None:
    line = f"[3/12/24, 9:15:00\u202fAM] Team: {MARK}{OFF}"
    assert told(ANDROID_NL.text(ANDROID_NL.said(f"kijk\n{line}", 1))) == (
        "unknown", "other-layout",
    )  # fmt: skip
    assert told(ANDROID_NL.text(ANDROID_NL.said(f"kijk\n{line.replace(MARK, '')}", 1))) == (
        "compliant", "",
    )  # fmt: skip


def test_on_an_iphone_a_line_that_is_imitated_has_to_have_the_mark() -> None:
    imitated = IPHONE_NL.head.format(n=9) + OFF
    said = IPHONE_NL.said(f"hoi\n{imitated}", 1)
    assert told(IPHONE_NL.text(IPHONE_NL.own(ON), said)) == ("unknown", "unsure-sender")
    assert told(IPHONE_NL.text(said, IPHONE_NL.own(OFF))) == ("compliant", "")


def test_a_name_with_a_stem_in_it_makes_a_line_unknown_on_android() -> None:
    assert told(ANDROID_EN.text("3/13/24, 9:15\u202fAM - Message timer: 24 hours\n")) == (
        "unknown", "unknown-wording",
    )  # fmt: skip


def test_what_a_text_cannot_tell_is_as_the_specification_says() -> None:
    """A continuation that imitates a head, and a name with a colon: both stay as written there."""
    imitated = ANDROID_NL.said(f"hoi\n13-03-2024 09:59 - {OFF}", 1)
    assert told(ANDROID_NL.text(ANDROID_NL.own(ON), imitated)) == ("compliant", "")
    assert told(ANDROID_EN.text(ANDROID_EN.own(ON.replace("You", "Jan: werk"), 1))) == (
        "compliant", "",
    )  # fmt: skip


def test_a_notice_that_messages_can_be_kept_changes_nothing_that_is_known() -> None:
    keeps = "Disappearing messages now support keeping messages in the chat. Tap to learn more."
    own = ANDROID_EN.own
    assert told(ANDROID_EN.text(own(keeps))) == ("unknown", "unknown-wording")
    assert told(ANDROID_EN.text(own(ON), own(keeps))) == ("drifted", "timer")
    assert told(ANDROID_EN.text(own(OFF), own(keeps))) == ("compliant", "")


def test_since_is_when_it_was_set_on_and_not_when_it_changed(around: Make, tmp_path: Path) -> None:
    changed = f"You updated the message timer. {NEW} 24 hours after they're sent, except when kept."
    lines = [(ON, 1), (OFF, 2), (ON, 3), (changed, 4)]
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(*(ANDROID_NL.own(*line) for line in lines)))
    found = only(around, tmp_path)
    assert found.since is not None
    assert found.since.astimezone().replace(tzinfo=None) == datetime(2024, 3, 13, 9, 3)  # noqa: DTZ001
    assert found.value["seconds"] == DAY
    assert [event["at"][-5:] for event in found.value["events"]] == [
        "09:01", "09:02", "09:03", "09:04",
    ]  # fmt: skip


def test_since_is_not_told_where_day_and_month_cannot_be_told_apart(
    around: Make, tmp_path: Path
) -> None:
    text = ANDROID_EN.text(ANDROID_EN.own(ON)).replace("3/13/24", "3/12/24")
    put(tmp_path, ANDROID_EN.file, text)
    found = only(around, tmp_path)
    assert (found.state, found.since) == (State.DRIFTED, None)
    assert found.value["events"][0]["at"] == "3/12/24 9:00 AM"


def test_the_last_two_hundred_events_are_stated(around: Make, tmp_path: Path) -> None:
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(*[ANDROID_NL.own(ON)] * 250))
    found = only(around, tmp_path)
    assert (len(found.value["events"]), found.value["earlier"]) == (200, 50)


def test_the_text_of_a_line_that_is_not_known_is_for_the_office(
    around: Make, tmp_path: Path
) -> None:
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(UNKNOWN[0])))
    assert only(around, tmp_path).value["unknown"]["text"] == UNKNOWN[0]


# --- files, chats, several exports ---


@pytest.mark.parametrize(
    ("path", "chat"),
    [
        ("WhatsApp-chat met Jan.txt", "Jan"),
        ("a/WhatsApp Chat with Jan & Piet (1).txt", "Jan & Piet"),
        ("WhatsApp Chat - Jan.zip/_chat.txt", "Jan"),
        ("WhatsApp Chat - Jan (2)/_chat.txt", "Jan"),
        ("WhatsApp-chat met Jan.zip/WhatsApp-chat met Jan.txt", "Jan"),
        ("_chat.txt", ""),
        ("notes.txt", ""),
    ],
)
def test_a_chat_is_named_by_its_export(path: str, chat: str) -> None:
    assert chat_of(path) == chat


def test_a_zip_is_looked_into(around: Make, tmp_path: Path) -> None:
    text = IPHONE_NL.text(IPHONE_NL.own(ON))
    put(tmp_path, "WhatsApp Chat - Team.zip", zipped(_chat__txt=text, notes__txt="melk"))
    found = only(around, tmp_path)
    assert (found.subject, found.state) == ("Bron 0/Team", State.DRIFTED)
    assert found.value["export"] == "WhatsApp Chat - Team.zip/_chat.txt"


def test_a_zip_that_is_stored_with_zip64_numbers_is_looked_into(
    around: Make, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, made.open("_chat.txt", "w", force_zip64=True) as one:
        one.write(IPHONE_NL.text(IPHONE_NL.own(OFF)).encode())
    put(tmp_path, "WhatsApp Chat - Team.zip", buffer.getvalue())
    assert only(around, tmp_path).state is State.COMPLIANT


def test_what_is_no_whole_zip_is_unknown(around: Make, tmp_path: Path) -> None:
    whole = zipped(_chat__txt=IPHONE_NL.text(IPHONE_NL.own(OFF)))
    put(tmp_path, "WhatsApp Chat - A.zip", whole[:-4])
    damaged = bytearray(whole)
    damaged[60] ^= 0xFF
    put(tmp_path, "WhatsApp Chat - B.zip", bytes(damaged))
    put(tmp_path, "WhatsApp Chat - C.zip", zipped(photo__jpg="x"))
    locked = bytearray(whole)
    locked[locked.rfind(b"PK\1\2") + 8] |= 1
    put(tmp_path, "WhatsApp Chat - D.zip", bytes(locked))
    assert states(readings(GUARD, around((KIND, tmp_path)))) == {
        "Bron 0/A": ("unknown", "half-written"),
        "Bron 0/B": ("unknown", "not-understood"),
        "Bron 0/C": ("unknown", "no-chat"),
        "Bron 0/D": ("unknown", "not-understood"),
    }


@pytest.mark.parametrize(
    ("limit", "reason"), [(("MAX_EXPORT", 1_500), "too-large"), (("MAX_TEXTS", 1), "too-many")]
)
def test_a_zip_of_more_chats_than_are_unpacked_is_unknown(
    around: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[str, int],
    reason: str,
) -> None:
    text = IPHONE_NL.text(IPHONE_NL.said("a" * 900))
    put(tmp_path, "WhatsApp Chat - Team.zip", zipped(a__txt=text, b__txt=text))
    assert only(around, tmp_path).state is State.COMPLIANT
    monkeypatch.setattr(of_whatsapp_files, *limit)
    assert only(around, tmp_path).reason == reason


def test_a_zip_whose_checksum_is_another_is_unknown(around: Make, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as made:
        made.writestr("_chat.txt", IPHONE_NL.text(IPHONE_NL.own(ON)))
    data = buffer.getvalue().replace(b"turned on", b"turned oN")
    put(tmp_path, "WhatsApp Chat - Team.zip", data)
    assert only(around, tmp_path).reason == "not-understood"


def test_no_more_of_a_zip_is_unpacked_than_it_says() -> None:
    made = bytearray(zipped(_chat__txt="a" * 20_000_000))
    entry = made.rfind(b"PK\1\2")
    made[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    view = View.of_bytes(bytes(made))
    (member,) = entries(view)
    given = []
    with pytest.raises(PlaceError):
        given += unpacked(view, member, of_exports.MAX_EXPORT)
    assert given == []
    with pytest.raises(PlaceError) as error:
        next(unpacked(view, member, 9))
    assert error.value.reason == "too-large"


def test_a_zip_that_holds_more_than_it_says_is_unknown(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = IPHONE_NL.text(*[IPHONE_NL.said("a" * 900)] * 500)
    made = bytearray(zipped(_chat__txt=text))
    entry = made.rfind(b"PK\1\2")
    made[entry + 24 : entry + 28] = (10_000).to_bytes(4, "little")
    put(tmp_path, "WhatsApp Chat - Team.zip", bytes(made))
    assert only(around, tmp_path).reason == "not-understood"


def test_the_newest_export_of_a_chat_decides(around: Make, tmp_path: Path) -> None:
    layout = ANDROID_NL
    new = put(tmp_path, "x/" + layout.file, layout.text(layout.own(ON, 1), layout.own(OFF, 5)))
    old = put(tmp_path, layout.file, layout.text(layout.own(ON, 1)))
    os.utime(new, (1_800_000_000, 1_800_000_000))  # as files they say the reverse
    os.utime(old, (1_900_000_000, 1_900_000_000))
    found = only(around, tmp_path)
    assert (found.subject, found.state) == ("Bron 0/Team", State.COMPLIANT)
    assert (found.value["exports"], found.value["export"]) == (2, "x/" + layout.file)


def test_where_no_moment_is_known_the_newest_file_decides(around: Make, tmp_path: Path) -> None:
    def text(*lines: str) -> str:
        return ANDROID_EN.text(*lines).replace("3/13/24", "3/12/24")

    put(tmp_path, "WhatsApp Chat with Team.txt", text(ANDROID_EN.own(OFF)), at=1.8e9)
    put(tmp_path, "WhatsApp Chat with Team (1).txt", text(ANDROID_EN.own(ON)), at=1.9e9)
    assert only(around, tmp_path).state is State.DRIFTED


def test_a_message_from_the_future_does_not_make_an_export_the_newest(
    around: Make, tmp_path: Path
) -> None:
    future = ANDROID_NL.text(ANDROID_NL.own(OFF), ANDROID_NL.said("x\n13-03-2099 09:00 - Jan: x"))
    put(tmp_path, "a/" + ANDROID_NL.file, future, at=1.71e9)
    put(tmp_path, "b/" + ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON, 9)), at=1.72e9)
    assert only(around, tmp_path).state is State.DRIFTED


def test_a_newer_export_that_lacks_the_line_does_not_undo_it(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "a/" + ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON, 1)))
    put(tmp_path, "b/" + ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.said("hoi", 9)))
    assert states([only(around, tmp_path)]) == {"Bron 0/Team": ("unknown", "line-gone")}


def test_an_older_export_that_is_half_written_says_on_all_the_same(
    around: Make, tmp_path: Path
) -> None:
    text = ANDROID_NL.text(ANDROID_NL.own(ON, 1), ANDROID_NL.said("hoi", 2))
    put(tmp_path, "a/" + ANDROID_NL.file, text.rstrip("\n"))
    put(tmp_path, "b/" + ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.said("hoi", 9)))
    assert only(around, tmp_path).reason == "line-gone"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([(OFF, 1)], ("unknown", "line-gone")),  # the other one's later line is not in it
        ([(OFF, 9)], ("compliant", "")),
        ([(ON, 1)], ("drifted", "timer")),
    ],
)
def test_an_older_exports_last_line_has_to_be_before_the_newest_ones(
    around: Make, tmp_path: Path, lines: list[tuple[str, int]], state: tuple[str, str]
) -> None:
    layout = ANDROID_NL
    put(tmp_path, "a/" + layout.file, layout.text(layout.own(ON, 5)))
    own = [layout.own(*line) for line in lines]
    put(tmp_path, "b/" + layout.file, layout.text(*own, layout.said("hoi", 10)))
    assert states([only(around, tmp_path)]) == {"Bron 0/Team": state}


def test_chats_of_other_names_are_subjects_of_their_own(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "WhatsApp-chat met A.txt", ANDROID_NL.text(ANDROID_NL.own(ON)))
    put(tmp_path, "WhatsApp-chat met B.txt", ANDROID_NL.text())
    put(tmp_path, "C/_chat.txt", IPHONE_NL.text())
    put(tmp_path, "Foto.jpg", b"\xff\xd8")
    assert states(readings(GUARD, around((KIND, tmp_path)))) == {
        "Bron 0/A": ("drifted", "timer"),
        "Bron 0/B": ("compliant", ""),
        "Bron 0/Team": ("compliant", ""),
    }


def test_an_attachment_is_no_export_and_another_text_is_unknown(
    around: Make, tmp_path: Path
) -> None:
    said = ANDROID_NL.said(f"{MARK}Lijst van Jan.txt (bestand bijgevoegd)")
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(said))
    put(tmp_path, "Lijst van Jan.txt", "melk\n")
    put(tmp_path, "export.txt", "melk\n")
    assert states(readings(GUARD, around((KIND, tmp_path)))) == {
        "Bron 0/Team": ("compliant", ""),
        "Bron 0/export.txt": ("unknown", "no-header"),
    }


def test_an_export_that_somebody_sent_makes_nothing_better(around: Make, tmp_path: Path) -> None:
    real, sent = "WhatsApp-chat met Team.txt", "WhatsApp-chat met Team (1).txt"
    said = ANDROID_NL.said(f"{MARK}{sent} (bestand bijgevoegd)", 3)
    back = ANDROID_NL.said(f"{MARK}{real} (bestand bijgevoegd)", 8)
    put(tmp_path, real, ANDROID_NL.text(ANDROID_NL.own(ON), said))
    put(tmp_path, sent, ANDROID_NL.text(ANDROID_NL.own(ON), ANDROID_NL.own(OFF, 9), back))
    assert states([only(around, tmp_path)]) == {"Bron 0/Team": ("drifted", "timer")}


def test_agreed_folders_and_other_sources_are_not_looked_into(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "Priv\u00e9/" + ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON)))
    assert readings(GUARD, around((KIND, tmp_path), excluded=("Priv\u00e9",))) == []
    assert readings(GUARD, around(("folder", tmp_path))) == []


def test_of_a_source_that_is_one_file_no_other_is_looked_at(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "WhatsApp-chat met A.txt", ANDROID_NL.text())
    put(tmp_path, "WhatsApp-chat met B.txt", ANDROID_NL.text())
    made = around((KIND, tmp_path))
    (source,) = made.sources
    one = replace(source, only=lambda path: path == b"WhatsApp-chat met B.txt")
    (found,) = readings(GUARD, replace(made, sources=(one,)))
    assert found.subject == "Bron 0/B"


@pytest.mark.parametrize("limit", ["MAX_ENTRIES", "MAX_FILES"])
def test_a_source_with_too_much_in_it_is_unknown_as_a_whole(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    for name in "ABCD":
        put(tmp_path / "full", f"WhatsApp-chat met {name}.txt", ANDROID_NL.text())
    put(tmp_path / "fine", "WhatsApp-chat met E.txt", ANDROID_NL.text())
    monkeypatch.setattr(of_exports, limit, 2)
    surroundings = around((KIND, tmp_path / "full"), (KIND, tmp_path / "fine"))
    assert states(readings(GUARD, surroundings)) == {
        "Bron 0": ("unknown", "too-many"),
        "Bron 1/E": ("compliant", ""),
    }


def test_a_link_and_another_users_file_are_unknown(around: Make, tmp_path: Path) -> None:
    real = put(tmp_path, "elders/x", ANDROID_NL.text())
    root = tmp_path / "root"
    root.mkdir()
    (root / ANDROID_NL.file).symlink_to(real)
    assert only(around, root).reason == "not-ours"
    if os.geteuid() == 0:
        (root / ANDROID_NL.file).unlink()
        os.chown(put(root, ANDROID_NL.file, ANDROID_NL.text()), 1234, 1234)
        assert only(around, root).reason == "not-ours"


def test_an_export_beyond_the_limit_is_unknown(around: Make, tmp_path: Path) -> None:
    path = put(tmp_path, ANDROID_NL.file, ANDROID_NL.text())
    os.truncate(path, of_exports.MAX_EXPORT + 1)
    assert states([only(around, tmp_path)]) == {"Bron 0/Team": ("unknown", "too-large")}


def test_an_export_is_looked_through_once(
    around: Make, tmp_path: Path, memory: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON)))
    first = around((KIND, tmp_path))
    before = only(lambda *_: first, tmp_path)
    for name, value in first.notes.named():  # type: ignore[attr-defined]
        memory.remember(name, value)
    opens: list[object] = []
    real = of_exports.opened
    monkeypatch.setattr(of_exports, "opened", lambda path: opens.append(path) or real(path))
    assert only(around, tmp_path) == before
    assert opens == []
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(ON), ANDROID_NL.own(OFF)))
    assert only(around, tmp_path).state is State.COMPLIANT
    assert opens == [path]
    path.unlink()
    last = around((KIND, tmp_path), notes=GuardNotes(memory, "test"))
    assert readings(GUARD, last) == []
    assert last.notes.get(f"s0/{ANDROID_NL.file}") is None


def test_what_changes_while_it_is_looked_at_is_looked_at_again(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(ANDROID_NL.own(OFF)))
    real = of_exports.View.read

    def read(view: View, start: int, end: int) -> bytes:
        with path.open("ab") as file:
            file.write(ANDROID_NL.own(ON).encode())
        os.utime(path, (1.8e9, 1.8e9))
        return real(view, start, end)

    surroundings = around((KIND, tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(of_exports.View, "read", read)
        assert states(readings(GUARD, surroundings)) == {"Bron 0/Team": ("unknown", "in-use")}
    assert states(readings(GUARD, surroundings)) == {"Bron 0/Team": ("drifted", "timer")}


def test_what_cannot_be_read_now_is_looked_at_again(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, ANDROID_NL.file, ANDROID_NL.text(), at=1.8e9)
    surroundings = around((KIND, tmp_path))

    def refuse(path: Path) -> None:
        raise PlaceError("unreadable")

    with monkeypatch.context() as patch:
        patch.setattr(of_exports, "opened", refuse)
        assert states(readings(GUARD, surroundings)) == {"Bron 0/Team": ("unknown", "unreadable")}
    assert states(readings(GUARD, surroundings)) == {"Bron 0/Team": ("compliant", "")}


@pytest.mark.parametrize(
    ("seen", "at", "moment"),
    [
        ([], "13-03-2024 09:05", (2024, 3, 13, 9, 5, 0)),
        ([], "02-03-2024 9:05", (2024, 3, 2, 9, 5, 0)),
        ([], "2.3.24 9.05", (2024, 3, 2, 9, 5, 0)),
        ([], "2024-03-02 23:59:58", (2024, 3, 2, 23, 59, 58)),
        (["2/13/24"], "3/2/24 9:05 AM", (2024, 3, 2, 9, 5, 0)),
        (["2/13/24"], "3/2/24 12:05 AM", (2024, 3, 2, 0, 5, 0)),
        (["2/13/24"], "3/2/24 12:05 p.m.", (2024, 3, 2, 12, 5, 0)),
        (["13/2/24"], "3/2/24 1:05 pm", (2024, 2, 3, 13, 5, 0)),
        ([], "3/2/24 9:05 AM", None),
        (["13/13/24"], "3/2/24 9:05", None),
        ([], "31-02-2024 09:05", None),
        ([], "02-03-2024 25:61", None),
        ([], "", None),
    ],
)
def test_a_moment_is_told_where_the_files_dates_tell_it(
    seen: list[str], at: str, moment: tuple[int, ...] | None
) -> None:
    dates = Dates()
    for date in [*seen, *([at.split(" ", maxsplit=1)[0]] if at else [])]:
        dates.see(date.encode())
    found = dates.moment(at)
    assert (None if found is None else found.timetuple()[:6]) == moment


# --- bounds: what is kept is one piece and one line, and each byte is looked at once ---


def test_of_a_line_without_end_no_more_than_its_beginning_is_kept() -> None:
    lines = Lines(iter([b"a" * 1_000_000] * 20 + [b"\nb\n"]))
    assert [(len(line), lines.cut) for line in lines] == [(MAX_LINE, True), (1, False)]
    assert lines.ended
    lines = Lines([b"a" * 100_000 + b"\n" + b"b" * MAX_LINE + b"\nc"])
    assert [(len(line), lines.cut) for line in lines] == [
        (MAX_LINE, True), (MAX_LINE, False), (1, False),
    ]  # fmt: skip
    assert not lines.ended
    lines = Lines([b"a\n", b""])
    assert (list(lines), lines.ended) == ([b"a"], True)


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"x", b"\n")), max_size=8))
def test_lines_are_the_same_however_a_text_comes_in_pieces(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    lines = Lines(parts)
    found = list(lines)
    assert found == (whole.removesuffix(b"\n").split(b"\n") if whole else [])
    assert lines.ended == whole.endswith(b"\n")


def test_a_line_of_whatsapps_own_beyond_the_limit_is_unknown() -> None:
    long = ANDROID_NL.head.format(n=3) + "x" * (MAX_LINE + 1) + "\n"
    assert told(ANDROID_NL.text(long)) == ("unknown", "line-too-long")
    assert told(ANDROID_NL.text(ANDROID_NL.said("x" * (MAX_LINE + 1)))) == ("compliant", "")


def test_many_lines_are_each_looked_at_once() -> None:
    """No timing: what is done for a line does not depend on the lines before it."""
    looked = 0

    def source():  # type: ignore[no-untyped-def]
        nonlocal looked
        yield ANDROID_NL.text().encode()
        for _ in range(200):
            looked += 1
            yield (ANDROID_NL.said("hoi") * 100).encode()

    talk = look_through(Lines(source()), "Team")
    assert (looked, talk.why, talk.timer.state) == (200, "", (State.COMPLIANT, ""))


# --- properties ---


@st.composite
def exports(draw: st.DrawFn) -> tuple[str, tuple[str, str], int | None]:
    """An export of any lines, and what a plain simulation says of it."""
    layout = draw(st.sampled_from(LAYOUTS))
    state: tuple[str, str] = ("compliant", "")
    seconds: int | None = None
    lines: list[str] = []
    steps = st.one_of(
        st.tuples(st.just("own"), st.sampled_from(KNOWN)),
        st.tuples(st.just("said"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("said"), st.text("abc \n:.-[]\u202f\u20ac", max_size=20)),
        st.tuples(st.just("unknown"), st.sampled_from(UNKNOWN)),
        st.tuples(st.just("own"), st.just(("Jan heeft Piet toegevoegd", "", None))),
    )
    for n, (what, step) in enumerate(draw(st.lists(steps, max_size=12))):
        if what == "said":
            lines.append(layout.said(step, n))  # type: ignore[arg-type]
            continue
        wording, kind, new = step if what == "own" else (step, "unknown", None)
        sender = draw(st.sampled_from(["Team", None]))
        lines.append(layout.own(str(wording), n, sender))
        if kind == "off":
            state, seconds = ("compliant", ""), 0
        elif kind == "unknown":
            state = ("unknown", "unknown-wording")
        elif kind:
            state, seconds = ("drifted", "timer"), new  # type: ignore[assignment]
    return layout.text(*lines), state, seconds


@given(exports())
def test_any_export_is_told_as_a_plain_simulation_tells_it(
    made: tuple[str, tuple[str, str], int | None],
) -> None:
    text, state, seconds = made
    talk = look_through(Lines([text.encode()]), "Team")
    assert talk.why == ""
    assert talk.timer.state == state
    assert state[0] == "unknown" or talk.timer.seconds == seconds


STEMS = st.sampled_from(
    [
        "vervaldatum",
        "verdwijnende",
        "verdwijnen",
        "Berichttimer",
        "tijdelijke berichten",
        "DISAPPEARING",
        "message timer",
    ]
)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz \u00e9\u20ac0123456789.,", max_size=30)


@given(st.sampled_from(LAYOUTS), WORDS, STEMS, WORDS)
def test_any_other_wording_with_a_stem_is_unknown(
    layout: Layout, before: str, stem: str, after: str
) -> None:
    line = layout.own(before + stem + after, 1)
    assert told(layout.text(layout.own(OFF), line)) == ("unknown", "unknown-wording")


ZIP = zipped(_chat__txt=IPHONE_NL.text(IPHONE_NL.own(ON)), notes__txt="melk")


@given(st.lists(st.tuples(st.integers(0, len(ZIP) - 1), st.integers(0, 255)), max_size=4))
def test_a_zip_with_other_bytes_is_told_the_same_or_not_at_all(
    flips: list[tuple[int, int]],
) -> None:
    data = bytearray(ZIP)
    for at, byte in flips:
        data[at] = byte
    with suppress(PlaceError):
        for one in chats_in_zip("WhatsApp Chat - Team.zip", View.of_bytes(bytes(data))):
            assert one.why or one.state == (State.DRIFTED, "timer")


def test_on_an_iphone_nobody_names_the_chat_but_its_first_line() -> None:
    forged = IPHONE_NL.own(IPHONE_NL.notice, 2, "Piet") + IPHONE_NL.own(OFF, 3, "Piet")
    assert told(IPHONE_NL.text(IPHONE_NL.own(ON, 1)) + forged) == ("unknown", "unsure-sender")


def test_time_ends_within_a_member_too(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "WhatsApp Chat - Team.zip", zipped(_chat__txt=IPHONE_NL.text("a" * 5_000_000)))
    clock = count()
    monkeypatch.setattr(of_exports.time, "monotonic", lambda: next(clock))
    assert only(around, tmp_path).reason == "too-slow"  # ten readings of the clock are its time


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    look_through(Lines([data]), "")
    look_through(Lines([ANDROID_NL.text().encode(), data]), "")
    look_through(Lines([IPHONE_NL.text().encode(), data]), "")
