# SPDX-License-Identifier: EUPL-1.2
"""Auto-delete in Telegram, by what exports tell of it (docs/spec/settings-guarded.md)."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards import of_exports, of_telegram_files, of_telegram_json
from lakzegel_agent.guards.base import Reading, State
from lakzegel_agent.guards.of_telegram_html import page_of
from lakzegel_agent.guards.of_telegram_html import told_by as told_by_html
from lakzegel_agent.guards.of_telegram_json import chats_of
from lakzegel_agent.guards.telegram_export_timers import GUARD
from lakzegel_agent.view import WINDOW, View

from .conftest import Kept, Make, readings, states

KIND = "telegram-export"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "telegram"
FIRST = 1_700_000_000
DAY, WEEK = 86_400, 604_800


def message(number: int, text: str = "hoi", **more: Any) -> dict[str, Any]:
    """A message as the program writes it, a minute after the one before."""
    moment = datetime.fromtimestamp(FIRST + 60 * number, UTC)
    return {
        "id": number,
        "type": "message",
        "date": moment.isoformat()[:19],
        "date_unixtime": str(FIRST + 60 * number),
        "from": "Jan",
        "from_id": "user1",
        "text": text,
        "text_entities": [{"type": "plain", "text": text}],
        **more,
    }


def service(number: int, action: str = "set_messages_ttl", **more: Any) -> dict[str, Any]:
    """A service message, with the action where the program has it."""
    one = message(number)
    head = {key: one[key] for key in ("id", "date", "date_unixtime")}
    return {
        "id": head.pop("id"),
        "type": "service",
        **head,
        "actor": "Jan",
        "actor_id": "user1",
        "action": action,
        **more,
        "text": "",
        "text_entities": [],
    }


def ttl(number: int, period: int) -> dict[str, Any]:
    return service(number, period=period)


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"name": "Jan", "type": "personal_chat", "id": 7, **more}
    return {**about, "messages": list(messages)}


def put(root: Path, name: str, made: Any, *, at: float | None = None) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(made, dict):
        made = json.dumps(made, indent=1, ensure_ascii=False)
    path.write_bytes(made.encode() if isinstance(made, str) else made)
    os.utime(path, (at or FIRST + 10**6,) * 2)
    return path


def all_of(around: Make, root: Path) -> dict[str, tuple[str, str]]:
    return states(readings(GUARD, around((KIND, root))))


def only(around: Make, root: Path) -> Reading:
    (found,) = readings(GUARD, around((KIND, root)))
    return found


# --- result.json ---


def test_a_timer_that_is_on_is_told_with_its_seconds_and_since_when(
    around: Make, tmp_path: Path
) -> None:
    put(tmp_path, "ChatExport/result.json", chat(message(1), ttl(2, WEEK), message(3), ttl(4, DAY)))
    found = only(around, tmp_path)
    assert (found.subject, found.state, found.reason) == (
        "Bron 0/Jan (user 7)", State.DRIFTED, "timer",
    )  # fmt: skip
    assert found.since == datetime.fromtimestamp(FIRST + 120, UTC)
    assert found.value["seconds"] == DAY
    assert [(one["kind"], one["seconds"]) for one in found.value["events"]] == [
        ("on", WEEK), ("changed", DAY),
    ]  # fmt: skip
    assert found.value["events"][0]["at"] == "2023-11-14T22:15:20"
    assert found.value["type"] == "personal_chat"


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ([], ("compliant", "")),
        ([message(1)], ("compliant", "")),
        ([ttl(1, 0)], ("compliant", "")),
        ([ttl(1, DAY), ttl(2, 0), message(3)], ("compliant", "")),
        ([ttl(1, 0), ttl(2, 31 * DAY)], ("drifted", "timer")),
        ([service(1)], ("unknown", "unknown-wording")),
        ([service(1, period=-5)], ("unknown", "unknown-wording")),
        ([service(1, period="86400")], ("unknown", "unknown-wording")),
        ([service(1, period=2**31)], ("unknown", "unknown-wording")),
        ([service(1, period=1.5)], ("unknown", "unknown-wording")),
        ([service(1, period=None)], ("unknown", "unknown-wording")),
        ([service(1, "set_chat_ttl", period=0)], ("unknown", "unknown-wording")),
        ([service(1, "set_auto_delete", period=0)], ("unknown", "unknown-wording")),
        ([message(1, action="set_messages_ttl", period=0)], ("unknown", "unknown-wording")),
        ([service(1), ttl(2, 0)], ("compliant", "")),
        ([ttl(1, DAY), service(2, "pin_message", message_id=1)], ("drifted", "timer")),
    ],
)
def test_the_last_event_decides(
    around: Make, tmp_path: Path, messages: list[dict[str, Any]], state: tuple[str, str]
) -> None:
    put(tmp_path, "result.json", chat(*messages))
    assert all_of(around, tmp_path) == {"Bron 0/Jan (user 7)": state}


def test_each_chat_of_a_full_export_is_told(around: Make, tmp_path: Path) -> None:
    chats = [chat(ttl(1, DAY)), chat(message(2), name=None, id=8, type="private_group")]
    left = [chat(ttl(3, DAY), ttl(4, 0), name="Oud \U0001f600", id=9, type="private_supergroup")]
    put(
        tmp_path, "DataExport/result.json",
        {"about": "x", "chats": {"about": "y", "list": chats}, "left_chats": {"list": left}},
    )  # fmt: skip
    assert all_of(around, tmp_path) == {
        "Bron 0/Jan (user 7)": ("drifted", "timer"),
        "Bron 0/ (group 8)": ("compliant", ""),
        "Bron 0/Oud \U0001f600 (channel 9)": ("compliant", ""),
    }


def test_media_that_destroy_themselves_are_counted(around: Make, tmp_path: Path) -> None:
    media = message(1, photo="(File not included.)", self_destruct_period_seconds=30)
    put(tmp_path, "result.json", chat(media, message(2), {**media, "id": 3}))
    found = only(around, tmp_path)
    assert (found.state, found.value["self_destructing"]) == (State.COMPLIANT, 2)


def test_what_people_write_does_not_count(around: Make, tmp_path: Path) -> None:
    quoted = json.dumps(ttl(1, DAY), indent=1)
    other = '","action": "set_messages_ttl", "period": 0},{"name": "x", "messages": ['
    put(tmp_path, "result.json", chat(message(1, quoted), ttl(2, WEEK), message(3, other)))
    assert all_of(around, tmp_path) == {"Bron 0/Jan (user 7)": ("drifted", "timer")}


def test_json_that_is_broken_as_the_program_breaks_it_is_read(around: Make, tmp_path: Path) -> None:
    text = json.dumps(chat(message(1, "REPLACE"), ttl(2, DAY)), indent=1)
    put(tmp_path, "result.json", text.replace("REPLACE", "a\\x07b"))
    assert all_of(around, tmp_path) == {"Bron 0/Jan (user 7)": ("drifted", "timer")}


def test_an_export_that_is_not_written_to_its_end_is_unknown(around: Make, tmp_path: Path) -> None:
    text = json.dumps(chat(ttl(1, 0), message(2)), indent=1)
    put(tmp_path, "a/result.json", text[:-3])
    put(tmp_path, "b/result.json", "{\n")
    assert all_of(around, tmp_path) == {
        "Bron 0/Jan (user 7)": ("unknown", "half-written"),
        "Bron 0/b/result.json": ("unknown", "half-written"),
    }


def test_json_without_chats_is_unknown_where_it_is_called_an_export(
    around: Make, tmp_path: Path
) -> None:
    put(tmp_path, "result.json", "{}")
    put(tmp_path, "package.json", "{}")
    assert all_of(around, tmp_path) == {"Bron 0/result.json": ("unknown", "no-chat")}


def test_a_chat_that_begins_in_another_way_is_unknown(around: Make, tmp_path: Path) -> None:
    made = {"messages": [ttl(1, DAY)], "name": "Jan", "id": 7, "type": "personal_chat"}
    put(tmp_path, "result.json", made)
    assert all_of(around, tmp_path) == {"Bron 0/result.json": ("unknown", "not-understood")}


def test_what_somebody_sent_is_no_export(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "ChatExport/result.json", chat(ttl(1, DAY)))
    put(tmp_path, "ChatExport/files/result.json", chat(ttl(1, DAY), ttl(9, 0), message(10)))
    put(tmp_path, "ChatExport/files/messages.html", page(("service", OFF)))
    assert all_of(around, tmp_path) == {"Bron 0/Jan (user 7)": ("drifted", "timer")}


def test_an_export_in_a_zip_is_not_looked_into_and_said_so(around: Make, tmp_path: Path) -> None:
    for name, member in (("a", "ChatExport/result.json"), ("b", "messages.html"), ("c", "x.jpg")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as made:
            made.writestr(member, "{}")
    put(tmp_path, "d.zip", "PK")
    assert all_of(around, tmp_path) == {
        "Bron 0/a.zip": ("unknown", "zipped"),
        "Bron 0/b.zip": ("unknown", "zipped"),
        "Bron 0/d.zip": ("unknown", "half-written"),
    }


def test_the_newest_export_of_a_chat_decides_and_names_it(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "b/result.json", chat(ttl(1, DAY)), at=FIRST + 2e6)
    put(tmp_path, "a/result.json", chat(ttl(1, DAY), ttl(5, 0), name="Jan de V."))
    assert all_of(around, tmp_path) == {"Bron 0/Jan de V. (user 7)": ("compliant", "")}


def test_a_newer_export_that_begins_later_does_not_undo_it(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "a/result.json", chat(ttl(1, DAY)))
    put(tmp_path, "b/result.json", chat(message(5)))
    assert all_of(around, tmp_path) == {"Bron 0/Jan (user 7)": ("unknown", "line-gone")}


def test_an_export_beyond_the_limit_is_unknown(around: Make, tmp_path: Path) -> None:
    path = put(tmp_path, "result.json", chat())
    os.truncate(path, of_telegram_files.MAX_RESULT + 1)
    assert all_of(around, tmp_path) == {"Bron 0/result.json": ("unknown", "too-large")}


@pytest.mark.parametrize("limit", ["MAX_CHATS", "MAX_EVENTS"])
def test_a_file_with_too_much_in_it_is_unknown(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    chats = [chat(ttl(1, DAY), id=id_) for id_ in range(3)]
    put(tmp_path, "result.json", {"chats": {"list": chats}})
    monkeypatch.setattr(of_telegram_json, limit, 2)
    assert all_of(around, tmp_path) == {"Bron 0/result.json": ("unknown", "too-many")}


def test_what_is_too_much_for_one_look_is_looked_through_in_the_next(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/result.json", chat(ttl(1, DAY)))
    put(tmp_path, "b/result.json", chat(ttl(1, DAY), id=8))
    monkeypatch.setattr(of_exports, "SECONDS", -1)
    surroundings = around((KIND, tmp_path))
    assert states(readings(GUARD, surroundings)) == {
        "Bron 0/Jan (user 7)": ("drifted", "timer"),
        "Bron 0/b/result.json": ("unknown", "too-slow"),
    }
    assert set(states(readings(GUARD, surroundings)).values()) == {("drifted", "timer")}


def test_a_file_that_takes_too_long_is_left_after_three_tries(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "result.json", chat(ttl(1, DAY)))
    surroundings = around((KIND, tmp_path))
    slow = {"Bron 0/result.json": ("unknown", "too-slow")}
    with monkeypatch.context() as patch:
        patch.setattr(of_exports, "FILE_SECONDS", -1)
        for _ in range(of_exports.TRIES):
            assert states(readings(GUARD, surroundings)) == slow
    assert states(readings(GUARD, surroundings)) == slow
    put(tmp_path, "result.json", chat(ttl(1, WEEK), message(2)))
    assert states(readings(GUARD, surroundings)) == {"Bron 0/Jan (user 7)": ("drifted", "timer")}


def test_a_file_that_is_not_understood_is_not_opened_again(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "result.json", chat())
    os.truncate(path, of_telegram_files.MAX_RESULT + 1)
    surroundings = around((KIND, tmp_path))
    before = readings(GUARD, surroundings)
    monkeypatch.setattr(of_exports, "opened", None)
    assert readings(GUARD, surroundings) == before
    assert before[0].reason == "too-large"


def test_an_export_is_looked_through_once(
    around: Make, tmp_path: Path, memory: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/result.json", chat(ttl(1, DAY)))
    put(tmp_path, "b/messages.html", page(("service", ON)))
    surroundings = around((KIND, tmp_path))
    before = readings(GUARD, surroundings)
    monkeypatch.setattr(of_exports, "opened", None)
    assert readings(GUARD, surroundings) == before
    assert {str(one.state) for one in before} == {"drifted"}
    assert memory.values == {}  # kept together with the look, by the engine


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data/telegram here")
def test_of_six_real_exports_the_one_with_a_timer_is_drifted(around: Make) -> None:
    found = {one.subject: one for one in readings(GUARD, around((KIND, SHARED)))}
    drifted = {name: one for name, one in found.items() if one.state is State.DRIFTED}
    assert list(drifted) == ["Bron 0/Dummy Chat (user 123123123)"]
    (one,) = drifted.values()
    assert one.value["export"] == "result-2024-01.json"
    assert one.value["seconds"] == 2_678_400
    assert one.since == datetime.fromtimestamp(1_665_499_755, UTC)
    assert {one.state for one in found.values()} == {State.DRIFTED, State.COMPLIANT}
    assert len(found) >= 6


# --- messages.html ---

ON = "Jan has set messages to auto-delete in 7 days"
OFF = "Jan has set messages not to auto-delete"


def page(*lines: tuple[str, str], name: str = "Jan & Piet", end: str = "", days: int = 1) -> str:
    """A page as the program writes it: people's text and its own lines."""
    body = []
    for number, (what, text) in enumerate(lines):
        if what == "service":
            body.append(
                f' <div class="message service" id="message{number}">\n\n'
                f'  <div class="body details">\n{escape(text)}\n  </div>\n\n </div>\n'
            )
        else:
            body.append(
                f' <div class="message default clearfix" id="message{number}">\n'
                '  <div class="body">\n   <div class="pull_right date details"'
                f' title="{days:02}.03.2024 09:{number:02}:00 UTC+01:00">\n09:00\n   </div>\n'
                f'   <div class="text">\n{escape(text)}\n   </div>\n  </div>\n </div>\n'
            )
    return (
        '<!DOCTYPE html>\n<html>\n <body>\n  <div class="page_wrap">\n'
        '   <div class="page_header">\n'
        '    <div class="content">\n     <div class="text bold">\n'
        f"{escape(name)}\n     </div>\n    </div>\n   </div>\n"
        + "".join(body) + end + "  </div>\n </body>\n</html>\n"
    )  # fmt: skip


SERVICE = '<div class="message service" id="message9"><div class="body details">\n'
NEXT = '<a class="pagination block_link" href="messages{}.html">\nNext messages\n</a>\n'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (ON, ("on", WEEK)),
        ("Jan has set messages to auto-delete in 24 hours", ("on", DAY)),
        ("Jan has set messages to auto-delete in", ("on", None)),  # the program names no other
        (OFF, ("off", 0)),
        ("New messages will auto-delete in 24 hours", ("on", DAY)),
        ("New messages will auto-delete in", ("on", None)),
        ("New messages will not auto-delete", ("off", 0)),
        ("Jan has set messages to auto-delete in 1 month", ("unknown", None)),
        ("Jan disabled the auto-delete timer", ("unknown", None)),
        ("Jan invited Piet has set messages not to auto-delete", ("unknown", None)),
        ("Jan changed group title to \u00abNew messages will not auto-delete\u00bb",
         ("unknown", None)),
        ("Jan pinned this message", None),
        ("13 March 2024", None),
    ],
)  # fmt: skip
def test_each_wording_of_a_page_says_what_it_says(
    line: str, told: tuple[str, int | None] | None
) -> None:
    assert told_by_html(line) == told


def test_pages_are_read_in_their_order_as_one_chat(around: Make, tmp_path: Path) -> None:
    put(tmp_path, "c/messages.html", page(("said", "a"), ("service", ON), end=NEXT.format(2)))
    put(tmp_path, "c/messages2.html", page(("said", "b"), days=2, end=NEXT.format(10)))
    for number in range(3, 10):
        put(tmp_path, f"c/messages{number}.html", page(end=NEXT.format(number + 1)))
    put(tmp_path, "c/messages10.html", page(("said", "c"), ("service", OFF), days=9))
    found = only(around, tmp_path)
    assert states([found]) == {"Bron 0/Jan & Piet (html Jan & Piet)": ("compliant", "")}
    (tmp_path / "c/messages10.html").unlink()
    assert only(around, tmp_path).reason == "half-written"
    again = ("service", "Jan has set messages to auto-delete in 24 hours")
    put(tmp_path, "c/messages10.html", page(("said", "c"), again, days=9))
    found = only(around, tmp_path)
    assert found.state is State.DRIFTED
    assert found.since == datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
    assert found.value["events"][0]["at"] == "01.03.2024 09:00:00 UTC+01:00"


def test_a_page_that_is_missing_or_not_whole_makes_the_chat_unknown(
    around: Make, tmp_path: Path
) -> None:
    put(tmp_path, "a/messages2.html", page(("said", "b")))
    put(tmp_path, "b/messages.html", page(("said", "b"))[:-9])
    put(tmp_path, "c/messages.html", "<html></html>")
    assert {reason for _, reason in all_of(around, tmp_path).values()} == {
        "half-written", "not-understood",
    }  # fmt: skip


def test_what_people_write_in_a_page_does_not_count(around: Make, tmp_path: Path) -> None:
    forged = f'</div><div class="message service" id="message9"><div class="body details">\n{OFF}'
    put(tmp_path, "messages.html", page(("service", ON), ("said", OFF), ("said", forged)))
    assert only(around, tmp_path).state is State.DRIFTED


@pytest.mark.parametrize(
    "odd",
    [
        '<div class="message service" id="message9"><div class="body">auto-delete</div></div>',
        '<div class="message service wide" id="message9"><div class="body details">x</div></div>',
        f"{SERVICE}{'x' * 5_000}",
        f'{SERVICE}<a href="">Jan</a> set messages to auto-delete in 1 day</div></div>',
    ],
)
def test_a_service_line_that_is_laid_out_otherwise_is_unknown(
    around: Make, tmp_path: Path, odd: str
) -> None:
    put(tmp_path, "messages.html", page(("service", OFF), end=odd))
    assert only(around, tmp_path).reason == "unknown-wording"


# --- properties and bounds ---

STEPS = st.one_of(
    st.tuples(st.just("ttl"), st.sampled_from([0, DAY, WEEK, 31 * DAY])),
    st.tuples(st.just("said"), st.text(max_size=20)),
    st.tuples(st.just("said"), st.sampled_from([ON, OFF, json.dumps(ttl(1, 0)), '"action": "'])),
    st.tuples(st.just("odd"), st.sampled_from(["set_ttl", "auto_delete_off", "history_ttl"])),
    st.tuples(st.just("pin"), st.just("pin_message")),
)


@given(st.lists(st.lists(STEPS, max_size=8), min_size=1, max_size=4), st.sampled_from([None, 1, 4]))
def test_any_export_is_told_as_a_plain_simulation_tells_it(
    chats: list[list[tuple[str, Any]]], indent: int | None
) -> None:
    made, expected = [], []
    for id_, steps in enumerate(chats):
        state, messages = ("compliant", ""), []
        for number, (what, value) in enumerate(steps):
            if what == "ttl":
                messages.append(ttl(number, value))
                state = ("drifted", "timer") if value else ("compliant", "")
            elif what == "said":
                messages.append(message(number, value))
            else:
                messages.append(service(number, value, period=0))
                state = ("unknown", "unknown-wording") if what == "odd" else state
        made.append(chat(*messages, id=id_))
        expected.append(state)
    data = json.dumps({"chats": {"list": made}}, indent=indent).encode()
    found = chats_of(View.of_bytes(data))
    assert [one.timer.state for one in found] == expected
    assert [one.id for one in found] == [str(id_) for id_ in range(len(chats))]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("service"), st.sampled_from([ON, OFF, "Jan pinned \u00abx\u00bb"])),
            st.tuples(st.just("said"), st.text(max_size=20)),
            st.tuples(st.just("said"), st.sampled_from([ON, OFF])),
            st.tuples(st.just("service"), st.just("Jan turned auto-delete on")),
        ),
        max_size=10,
    )
)
def test_any_page_is_told_as_a_plain_simulation_tells_it(lines: list[tuple[str, str]]) -> None:
    expected = [text for what, text in lines if what == "service" and "auto-delete" in text]
    found = page_of(View.of_bytes(page(*lines).encode()))
    kinds = {ON: "on", OFF: "off"}
    assert [one.kind for one in found.events] == [kinds.get(one, "unknown") for one in expected]
    assert found.why == ""


def test_an_event_is_found_wherever_pieces_meet() -> None:
    event = json.dumps(ttl(1, DAY), indent=1).encode()
    for shift in range(0, len(event) + 40, 7):
        head = json.dumps(chat(), indent=1).encode().rstrip(b"]} \n")
        data = head + b" " * (WINDOW - len(head) - shift) + event + b"\n]}"
        (found,) = chats_of(View.of_bytes(data))
        assert (found.timer.seconds, found.timer.count) == (DAY, 1)


def test_a_chat_is_found_once_wherever_pieces_meet() -> None:
    text = json.dumps({"list": [chat(ttl(1, DAY))]}, indent=1)
    for shift in range(0, 140, 3):
        data = b'{"about": "' + b"x" * (WINDOW - 20 - shift) + b'", ' + text[1:].encode()
        (found,) = chats_of(View.of_bytes(data))
        assert (found.id, found.timer.seconds, found.why) == ("7", DAY, "")


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    chats_of(View.of_bytes(json.dumps(chat()).encode() + data))
    page_of(View.of_bytes(page().encode() + data))


def test_nesting_however_deep_costs_nothing() -> None:
    """No parser, no recursion: one pass of an expression with upper bounds."""
    data = json.dumps(chat(ttl(1, DAY))).encode() + b'{"a":[' * 200_000
    (found,) = chats_of(View.of_bytes(data))
    assert found.timer.on is True
