# SPDX-License-Identifier: EUPL-1.2
"""What Thunderbird's rules do with mail, by the files that it writes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.guards import mail_filters
from lakzegel_agent.guards.base import PlaceError
from lakzegel_agent.guards.mail_filters import GUARD
from lakzegel_agent.guards.of_filterrules import Rule, parse_rules
from lakzegel_agent.guards.of_thunderbird import folders

from .conftest import Make, readings, states
from .thunderbirds import PRIVATE, profile

SERVER = "ImapMail/imap.minxyz.example"
PLACE = f"abcd.default/{SERVER}"
HEADER = 'version="9"\nlogging="no"\n'
# as Thunderbird 153 escapes: of a term with a quote, within a value
CONDITION = r'condition="AND (subject,contains,\"say \\"x\\" (y)\\")"' + "\n"


def rule(*actions: str, name: str = "r", enabled: str = "yes", kind: str = "17") -> str:
    """A rule of these lines, as they lie in a file."""
    lines = [f'name="{name}"', f'enabled="{enabled}"', f'type="{kind}"', *actions]
    return "".join(f"{line}\n" for line in lines) + CONDITION


def action(kind: str, value: str | None = None) -> list[str]:
    """The lines of one action."""
    return [f'action="{kind}"', *([] if value is None else [f'actionValue="{value}"'])]


def write(home: Path, text: str | bytes, folder: str = SERVER) -> Path:
    """The rules of one server of the profile."""
    path = profile(home, PRIVATE) / folder / "msgFilterRules.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def one(make: Make, *lines: str, **kinds: str) -> tuple[str, str]:
    """State and reason of a file's only rule."""
    around = make()
    write(around.home, HEADER + rule(*lines, **kinds))
    found = states(readings(GUARD, around))
    assert set(found) == {f"{PLACE}/r"}
    return found[f"{PLACE}/r"]


PRIVATE_FOLDER = "mailbox://jan@pop.ziggo.nl/Inbox"
OWN_FOLDER = "imap://jan%40minxyz.example@imap.minxyz.example/INBOX/Archief"
LOCAL_FOLDER = "mailbox://nobody@Local%20Folders/test"
UNKNOWN = "unknown"
DRIFTED = "drifted"
FINE = ("compliant", "")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Forward", "jan.prive@gmail.com", (DRIFTED, "forwards")),
        ("Forward", "piet@minxyz.example", FINE),
        ("Forward", "Piet@MinXYZ.Example", FINE),
        ("Forward", "piet@minxyz.example, jan@elders.example", (DRIFTED, "forwards")),
        ("Forward", r"\"Jan \\" + r'" x\" <jan@minxyz.example>', FINE),
        ("Forward", r"\"jan@minxyz.example\" <jan@elders.example>", (DRIFTED, "forwards")),
        ("Forward", "jan@sub.minxyz.example", (DRIFTED, "forwards")),
        ("Forward", "jan@minxyz.example.elders.example", (DRIFTED, "forwards")),
        ("Forward", "De Adviesgroep", (UNKNOWN, "not-understood")),
        ("Forward", "", (UNKNOWN, "not-understood")),
        ("Forward", None, (UNKNOWN, "not-understood")),
        ("Delete", None, (DRIFTED, "deletes")),
        ("Delete from Pop3 server", None, (DRIFTED, "deletes")),
        ("Reply", "mailbox://nobody@Local%20Folders/Templates?messageId=1", (DRIFTED, "replies")),
        ("Move to folder", PRIVATE_FOLDER, (DRIFTED, "moves-elsewhere")),
        ("Move to folder", OWN_FOLDER, FINE),
        ("Move to folder", LOCAL_FOLDER, FINE),
        ("Move to folder", "imap://wie@daar.example/INBOX", (UNKNOWN, "unknown-folder")),
        ("Move to folder", "Inbox", (UNKNOWN, "unknown-folder")),
        ("Move to folder", None, (UNKNOWN, "unknown-folder")),
        ("Copy to folder", PRIVATE_FOLDER, (DRIFTED, "copies-elsewhere")),
        ("Copy to folder", OWN_FOLDER, FINE),
        ("Custom", "v", (UNKNOWN, "custom-action")),
        ("Change priority", "High", FINE),
        ("Mark read", None, FINE),
        ("Mark unread", None, FINE),
        ("Ignore thread", None, FINE),
        ("Ignore subthread", None, FINE),
        ("Watch thread", None, FINE),
        ("Mark flagged", None, FINE),
        ("Label", "2", FINE),
        ("Stop execution", None, FINE),
        ("Leave on Pop3 server", None, FINE),
        ("Fetch body from Pop3Server", None, FINE),
        ("JunkScore", "100", FINE),
        ("AddTag", "$label1", FINE),
        ("Redirect", "jan@minxyz.example", (UNKNOWN, "unknown-action")),
        ("delete", None, (UNKNOWN, "unknown-action")),
    ],
)
def test_each_action_is_judged(
    around: Make, kind: str, value: str | None, expected: tuple[str, str]
) -> None:
    assert one(around, *action(kind, value)) == expected


def test_the_worst_action_of_a_rule_counts(around: Make) -> None:
    lines = [*action("Mark read"), *action("Delete"), *action("Forward", "a@elders.example")]
    assert one(around, *lines) == ("drifted", "forwards")
    assert one(around, *lines, 'action="Custom"', 'customId="x@y#z"') == ("drifted", "forwards")
    assert one(around, *action("Mark read"), 'action="Custom"', 'customId="x"') == (
        "unknown",
        "custom-action",
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Forward", FINE), ("Custom", FINE), ("Redirect", ("unknown", "unknown-action"))],
)
def test_a_rule_that_is_off_does_nothing_and_says_so(
    around: Make, kind: str, expected: tuple[str, str]
) -> None:
    assert one(around, *action(kind, "jan@elders.example"), enabled="no") == expected
    (reading,) = readings(GUARD, around())
    assert isinstance(reading.value, dict)
    assert reading.value["enabled"] is False


def test_without_agreed_domains_a_forward_is_unknown_and_a_deletion_is_not(around: Make) -> None:
    text = HEADER + rule(*action("Forward", "a@b.example"), name="f")
    write(around().home, text + rule(*action("Delete"), name="d"))
    found = states(readings(GUARD, around(domains=frozenset())))
    assert found == {
        f"{PLACE}/f": ("unknown", "no-agreed-domains"),
        f"{PLACE}/d": ("drifted", "deletes"),
    }


@pytest.mark.parametrize(
    ("lines", "kinds"),
    [
        ([], {}),
        (action("Mark read"), {"enabled": "true"}),
        (action("Mark read"), {"kind": "x"}),
        (action("Mark read"), {"kind": "512"}),
        (action("Mark read"), {"kind": "2"}),
        ([*action("Mark read"), 'actionValue="a"', 'actionValue="b"'], {}),
        ([*action("Mark read"), 'scriptName="a.js"'], {}),
        ([*action("Mark read"), 'surprise="a"'], {}),
        ([*action("Mark read"), 'actionValue="a'], {}),
        ([*action("Mark read"), "actionValue=a"], {}),
        ([*action("Mark read"), 'description="a" description="b"'], {}),
        ([*action("Mark read"), 'type="17"'], {}),
        ([*action("Mark read"), 'enabled="yes"'], {}),
        ([*action("Mark read"), 'condition="ALL"', *action("Delete")], {}),
        (['actionValue="a"', *action("Mark read")], {}),
    ],
)
def test_what_is_not_of_the_form_is_unknown(
    around: Make, lines: list[str], kinds: dict[str, str]
) -> None:
    assert one(around, *lines, **kinds) == ("unknown", "not-understood")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'version="8"\nlogging="no"\n', "unknown-version"),
        (b'version="10"\nlogging="no"\n', "unknown-version"),
        (b'version="nine"\n', "not-understood"),
        (b'logging="no"\nversion="9"\n', "not-understood"),
        (b'\xef\xbb\xbfversion="9"\n', "not-understood"),
        (b'version="9', "not-understood"),
        (b"\0" * 100, "not-understood"),
        ('version="9"\n'.encode("utf-16"), "not-understood"),
        (b'version="9"\nlogging="no"\nenabled="yes"\n', "not-understood"),
    ],
)
def test_a_file_that_is_not_understood_is_unknown(around: Make, text: bytes, reason: str) -> None:
    write(around().home, text)
    assert states(readings(GUARD, around())) == {PLACE: ("unknown", reason)}


@pytest.mark.parametrize("text", ["", HEADER])
def test_a_file_without_rules_is_fine(around: Make, text: str) -> None:
    write(around().home, text)
    assert readings(GUARD, around()) == []


def test_lines_may_end_as_on_windows(around: Make) -> None:
    write(around().home, (HEADER + rule(*action("Delete"))).replace("\n", "\r\n"))
    assert states(readings(GUARD, around())) == {f"{PLACE}/r": ("drifted", "deletes")}


def test_rules_of_every_server_and_of_one_name_are_told_apart(around: Make) -> None:
    write(around().home, HEADER + rule(*action("Delete")) + rule(*action("Mark read")))
    write(around().home, HEADER + rule(*action("Delete"), name="r (2)"), "Mail/Local Folders")
    write(around().home, HEADER + rule(*action("Delete")), "Mail/pop.ziggo.nl")
    assert states(readings(GUARD, around())) == {
        f"{PLACE}/r": ("drifted", "deletes"),
        f"{PLACE}/r (2)": ("compliant", ""),
        "abcd.default/Mail/Local Folders/r (2)": ("drifted", "deletes"),
        "abcd.default/Mail/pop.ziggo.nl/r": ("drifted", "deletes"),
    }


def test_a_folder_that_the_preferences_name_counts_too(around: Make) -> None:
    root = profile(around().home, 'user_pref("mail.server.server2.directory-rel", "[ProfD]Post");')
    (root / "Post").mkdir()
    (root / "Post" / "msgFilterRules.dat").write_text(HEADER + rule(*action("Delete")))
    assert states(readings(GUARD, around())) == {"abcd.default/Post/r": ("drifted", "deletes")}


def test_a_link_is_not_followed(around: Make, tmp_path: Path) -> None:
    path = write(around().home, HEADER)
    other = tmp_path / "other"
    other.write_text(HEADER + rule(*action("Delete")))
    path.unlink()
    path.symlink_to(other)
    assert states(readings(GUARD, around())) == {PLACE: ("unknown", "not-ours")}


def test_without_preferences_that_are_understood_no_folder_is_known(around: Make) -> None:
    write(around().home, HEADER + rule(*action("Move to folder", OWN_FOLDER)))
    (around().home / ".thunderbird/abcd.default/prefs.js").write_text("user_pref(")
    assert states(readings(GUARD, around())) == {
        "abcd.default": ("unknown", "not-understood"),
        f"{PLACE}/r": ("unknown", "unknown-folder"),
    }


def test_preferences_that_were_cut_between_two_lines_hide_no_folder(
    around: Make, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "msgFilterRules.dat").write_text(HEADER + rule(*action("Delete")))
    none = 'user_pref("mail.server.server2.directory-rel", "");'
    root = profile(around().home, none, f'user_pref("mail.server.server2.directory", "{outside}");')
    whole = (root / "prefs.js").read_bytes()
    cut = whole.index(b'user_pref("mail.accountmanager')
    (root / "prefs.js").write_bytes(whole[:cut])
    assert states(readings(GUARD, around())) == {"abcd.default": ("unknown", "half-written")}


def test_a_folder_outside_the_profile_counts_too(around: Make, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "msgFilterRules.dat").write_text(HEADER + rule(*action("Delete")))
    relative = os.path.relpath(outside, around().home / ".thunderbird/abcd.default")
    for name, value in (("directory-rel", f"[ProfD]{relative}"), ("directory", str(outside))):
        none = 'user_pref("mail.server.server2.directory-rel", "");'
        profile(around().home, none, f'user_pref("mail.server.server2.{name}", "{value}");')
        found = states(readings(GUARD, around()))
        assert found == {f"abcd.default/{outside}/r": ("drifted", "deletes")}


def test_rules_of_another_user_are_not_read(
    around: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(around().home, HEADER + rule(*action("Delete")))
    real = Path.stat

    def stat(self: Path, **how: bool) -> os.stat_result:
        found = list(real(self, **how))
        found[4] += self == path.parent
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", stat)
    assert states(readings(GUARD, around())) == {PLACE: ("unknown", "not-ours")}


def test_a_folder_that_cannot_be_looked_through_is_unknown(around: Make, monkeypatch) -> None:
    write(around().home, HEADER + rule(*action("Delete")))

    def refused(within: Path) -> list[Path]:
        if within.name == "News":
            raise PlaceError("unreadable")
        return folders(within)

    monkeypatch.setattr(mail_filters, "folders", refused)
    with pytest.raises(PlaceError, match="unreadable"):
        readings(GUARD, around())


def test_thousands_of_rules_are_limited_and_said_to_be(around: Make) -> None:
    write(around().home, HEADER + rule(*action("Mark read")) * 1_200)
    found = states(readings(GUARD, around()))
    assert found[PLACE] == ("unknown", "too-many")
    assert len(found) == 1_001


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\\\0", exclude_categories=["Cc"])
)
RULES = st.lists(
    st.tuples(TEXT, st.booleans(), st.integers(1, 0x1F5).filter(lambda n: not n & 0xA), TEXT),
    max_size=4,
)


def written(rules: list[tuple[str, bool, int, str]], end: str = "\n") -> bytes:
    """Rules as Thunderbird files them."""

    def line(name: str, value: object) -> str:
        return f'{name}="' + str(value).replace('"', '\\"') + f'"{end}'

    text = line("version", 9) + line("logging", "no")
    for name, enabled, kind, to in rules:
        text += line("name", name) + line("enabled", "yes" if enabled else "no")
        text += line("type", kind) + line("action", "Forward") + line("actionValue", to)
        text += line("condition", f"AND (subject,contains,{to})")
    return text.encode()


def told(rules: list[Rule]) -> list[tuple[object, ...]]:
    return [(one.name, one.enabled, one.type, one.actions[0].value) for one in rules]


def whole_of(data: bytes) -> list[tuple[object, ...]]:
    """What is understood of a file."""
    try:
        return told([one for one in parse_rules(data) if one.whole])
    except PlaceError:
        return []


@given(RULES, st.sampled_from(["\n", "\r\n"]))
def test_what_is_filed_is_read_back(rules: list[tuple[str, bool, int, str]], end: str) -> None:
    found = parse_rules(written(rules, end))
    assert told(found) == list(rules)
    assert all(one.whole for one in found)


@settings(max_examples=50)
@given(RULES.filter(bool), st.data())
def test_a_rule_that_is_cut_anywhere_is_never_whole(
    rules: list[tuple[str, bool, int, str]], data: st.DataObject
) -> None:
    whole = written(rules)
    before = len(written(rules[:-1]))
    cut = data.draw(st.integers(before + 1, len(whole) - 1))
    assert whole_of(whole[:cut]) == list(rules[:-1])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_recorded_file_that_is_cut_at_any_byte_has_no_rule_that_is_cut_and_whole(
    end: str,
) -> None:
    lines = rule(*action("Forward", "a@elders.example"), name='To \\"x\\"')
    first, second = ((HEADER + lines * n).replace("\n", end).encode() for n in (1, 2))
    for cut in range(len(second)):
        understood = (cut >= len(first) - len(end) + 1) + (cut >= len(second) - len(end) + 1)
        assert len(whole_of(second[:cut])) == understood


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    whole_of(data)
    whole_of(HEADER.encode() + data)
    assert parse_rules(HEADER.encode() + b'name="x"\n' + data)


@pytest.mark.parametrize(
    "data",
    [b'a="' + b"\\" * 2**22, b'a="\n' * 2**20, b'name="a"\n' * 2**18, b" " * 2**22, b"\n" * 2**22],
)
def test_hostile_rules_take_little_time(data: bytes) -> None:
    begin = time.process_time()
    parse_rules(HEADER.encode() + b'name="x"\n' + data)
    assert time.process_time() - begin < 5
