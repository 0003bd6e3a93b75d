# SPDX-License-Identifier: EUPL-1.2
"""What every kind of place promises, and what each of them does besides (docs/spec/guards.md §5).

Files are real. macOS' preferences and Windows' registry stand in memory (`twins.py`): not run on
a real device.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guarding import places_of
from lakzegel_agent.guards.base import Place, PlaceError
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.placesdefaults import Defaults, SystemPrograms
from lakzegel_agent.guards.placesregistry import MAX_NAMES, USERS, Registry, WindowsHives
from lakzegel_agent.guards.placesvalues import MAX_VALUE, decode, encode
from lakzegel_agent.guardtimes import Where

from .twins import BINARY, MULTI_SZ, SID, Gone, Mac, Windows, Winreg, me

KEY = r"HKCU\Software\Policies\Example"
NUMBERS = [b"0", b"30", b"4294967295"]
TEXTS = [b'""', b'"Forever"', '"één \\" \\\\ ✓"'.encode()]


@dataclass
class Kind:
    """One kind of place, as it is tried: two places beside each other, and what they may hold."""

    place: Place
    one: str
    two: str
    values: list[bytes]
    refuse: Callable[[], None]
    garble: Callable[[], None] | None


def files(folder: Path) -> Kind:
    def refuse() -> None:
        if me() == 0:
            os.chown(folder, 501, -1)
        else:
            folder.chmod(0o500)

    return Kind(
        Files(), str(folder / "kept"), str(folder / "other"), [b"", b"a", b"\0\xff"], refuse, None
    )


def defaults(folder: Path) -> Kind:
    mac = Mac()

    def garble() -> None:
        mac.domains["com.example"] = {"One": 1.5, "Two": 1}

    def refuse() -> None:
        mac.refuses = True

    place = Defaults(folder, mac, me=me)
    values = [*NUMBERS, *TEXTS, b"true", b"false"]
    return Kind(place, "com.example One", "com.example Two", values, refuse, garble)


def winreg(folder: Path) -> Kind:
    """The registry through the calls of `winreg` that are really made on Windows."""
    kind = registry(folder)
    assert isinstance(kind.place, Registry)
    windows = kind.place._given
    with patch.dict(sys.modules, winreg=Winreg(windows)):
        kind.place._given = WindowsHives()
    return kind


def registry(folder: Path) -> Kind:
    windows = Windows(folder)

    def garble() -> None:
        windows.hold(USERS, rf"{SID}\Software\Policies\Example", "One", ["a"], MULTI_SZ)

    def refuse() -> None:
        windows.refuses = True

    place = Registry(folder, windows)
    return Kind(place, rf"{KEY}\One", rf"{KEY}\Two", [*NUMBERS, *TEXTS], refuse, garble)


@pytest.fixture(params=[files, defaults, registry, winreg], ids=lambda make: make.__name__)
def kind(request, tmp_path) -> Kind:
    return request.param(tmp_path)


def test_names_that_end_in_an_error_are_not_all_there_are(tmp_path, monkeypatch):
    place = winreg(tmp_path).place
    place.write(rf"{KEY}\One", b"1")
    whole = place.read(f"{KEY}\\")
    assert b"One" in whole

    def broken(*_):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Winreg, "EnumValue", broken)
    with pytest.raises(PlaceError, match="unreadable"):
        place.read(f"{KEY}\\")


def test_where_nothing_is_none_is_read(kind):
    assert kind.place.read(kind.one) is None


def test_what_is_written_is_what_is_read(kind):
    for value in kind.values:
        kind.place.write(kind.one, value)
        assert kind.place.read(kind.one) == value


def test_what_lies_beside_it_stays(kind):
    kind.place.write(kind.two, kind.values[1])
    kind.place.write(kind.one, kind.values[0])
    kind.place.write(kind.one, None)
    assert kind.place.read(kind.two) == kind.values[1]


def test_nothing_is_left_where_nothing_is_to_be(kind):
    kind.place.write(kind.one, None)
    assert kind.place.read(kind.one) is None
    kind.place.write(kind.one, kind.values[0])
    kind.place.write(kind.one, None)
    kind.place.write(kind.one, None)
    assert kind.place.read(kind.one) is None


def test_what_may_not_be_written_says_so_and_is_there_still(kind):
    kind.place.write(kind.one, kind.values[0])
    kind.refuse()
    for value in (kind.values[1], None):
        with pytest.raises(PlaceError, match="not-permitted"):
            kind.place.write(kind.one, value)
    assert kind.place.read(kind.one) == kind.values[0]


def test_what_has_another_type_is_not_understood(kind):
    if kind.garble is None:
        pytest.skip("a file has no type")
    kind.garble()
    with pytest.raises(PlaceError, match="not-understood"):
        kind.place.read(kind.one)


def test_bytes_that_stand_for_no_value_are_not_written(kind):
    if isinstance(kind.place, Files):
        pytest.skip("a file takes all bytes")
    for wrong in (b"", b"{}", b"[1]", b"null", b"1.5", b" 1", b"01", b'"a', b"\xff", b"[" * 9_000):
        with pytest.raises(PlaceError, match="not-understood"):
            kind.place.write(kind.one, wrong)
    assert kind.place.read(kind.one) is None


@given(st.one_of(st.booleans(), st.integers(), st.text(max_size=200)))
def test_a_value_comes_back_with_its_type(value):
    try:
        data = encode(value)
    except PlaceError:
        assert isinstance(value, str)
        assert any("\ud800" <= one <= "\udfff" for one in value)
    else:
        assert (decode(data), type(decode(data))) == (value, type(value))


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_refused(data):
    try:
        value = decode(data)
    except PlaceError:
        return
    assert encode(value) == data


def test_a_value_that_is_too_large_is_refused():
    with pytest.raises(PlaceError, match="too-large"):
        encode("a" * MAX_VALUE)
    with pytest.raises(PlaceError):
        encode(10**5_000)


# macOS' preferences


def test_the_user_himself_asks_without_another_program(tmp_path):
    mac = Mac(com_example={"One": 30})
    assert Defaults(tmp_path, mac, me=me).read("com.example One") == b"30"
    assert mac.run_as == []


def test_a_service_of_roots_asks_as_the_user_in_his_session(tmp_path):
    os.chown(tmp_path, 501, -1) if me() == 0 else None
    mac = Mac(com_example={"One": 30})
    place = Defaults(tmp_path, mac, me=lambda: 0)
    if me() != 0:
        pytest.skip("another user's home needs root to be made")
    assert place.read("com.example One") == b"30"
    place.write("com.example One", b"0")
    asked = ("/bin/launchctl", "asuser", "501", "/usr/bin/sudo", "-n", "-H", "-u", "#501")
    assert set(mac.run_as) == {asked}
    assert mac.domains["com.example"] == {"One": 0}


def test_who_is_not_signed_in_has_no_preferences_to_be_asked_for(tmp_path):
    mac = Mac(com_example={"One": 30})
    mac.signed_in = False
    if me() != 0:
        pytest.skip("another user's home needs root to be made")
    os.chown(tmp_path, 501, -1)
    place = Defaults(tmp_path, mac, me=lambda: 0)
    with pytest.raises(PlaceError, match="not-signed-in"):
        place.read("com.example One")
    with pytest.raises(PlaceError, match="not-signed-in"):
        place.write("com.example One", b"0")
    assert mac.domains["com.example"] == {"One": 30}


def test_another_users_preferences_are_not_asked_for_without_root(tmp_path):
    place = Defaults(tmp_path, Mac(com_example={"One": 30}), me=lambda: me() + 1)
    with pytest.raises(PlaceError, match="not-ours"):
        place.read("com.example One")


def test_whoever_listens_is_told_once_it_is_written(tmp_path):
    mac = Mac()
    place = Defaults(tmp_path, mac, me=me)
    place.write("com.example One", b"0")
    assert mac.posted == []
    place.write("com.apple.MobileSMS KeepMessageForDays", b"0")
    assert "com.apple.imautomatichistorydeletionagent.prefchange" in mac.posted
    mac.posted.clear()
    mac.refuses = True
    with pytest.raises(PlaceError, match="not-permitted"):
        place.write("com.apple.MobileSMS KeepMessageForDays", b"30")
    assert mac.posted == []


@pytest.mark.parametrize(
    "wrong", ["", "com.example", "com.example ", " One", "-g One", "/etc/x One", "com.example -int"]
)
def test_a_place_that_a_program_would_take_for_something_else_is_refused(tmp_path, wrong):
    with pytest.raises(PlaceError, match="not-understood"):
        Defaults(tmp_path, Mac(), me=me).read(wrong)


def test_complaints_before_the_list_are_passed_over_and_half_a_list_is_not_understood(tmp_path):
    whole = Mac(com_example={"One": 30})
    said = whole.run(("/usr/bin/defaults", "export", "com.example", "-")).out

    class Complains(Mac):
        def _export(self, domain, where):
            return self.answer

    mac = Complains()
    place = Defaults(tmp_path, mac, me=me)
    mac.answer = type(whole.run(("/usr/bin/notifyutil", "-p", "x")))(
        0, b"defaults[7]: odd\n" + said
    )
    assert place.read("com.example One") == b"30"
    for status, out in [(0, said[:-40]), (0, b""), (0, b"30\n"), (1, b"odd"), (64, said)]:
        mac.answer = type(mac.answer)(status, out)
        with pytest.raises(PlaceError):
            place.read("com.example One")


def test_a_program_that_is_not_there_is_unreadable(tmp_path):
    with pytest.raises(PlaceError, match="unreadable"):
        Defaults(tmp_path, Gone(), me=me).read("com.example One")
    with pytest.raises(PlaceError, match="unreadable"):
        SystemPrograms().run(("/nowhere/defaults", "export"))


@pytest.mark.skipif(sys.platform == "win32", reason="programs of a Mac")
def test_a_program_has_an_end_and_a_limit():
    programs = SystemPrograms(0.5)
    assert programs.run(("/bin/sh", "-c", "echo out; echo err >&2; exit 3")).out == b"out\nerr\n"
    assert programs.run(("/bin/sh", "-c", "exit 3")).status == 3
    for hangs in ("sleep 60", "sleep 60 & exec 1>&- 2>&-; sleep 60", "while :; do echo; done"):
        with pytest.raises(PlaceError, match="unreadable"):
            programs.run(("/bin/sh", "-c", hangs))


# Windows' registry


def test_the_hive_is_of_the_user_whose_home_it_is(tmp_path):
    windows = Windows(tmp_path)
    Registry(tmp_path, windows).write(rf"{KEY}\One", b"1")
    assert windows.get(USERS, rf"{SID}\software\policies\example", "one") == (1, 4)


def test_a_profile_is_found_by_its_folder_without_case_and_with_the_systems_variables(tmp_path):
    windows = Windows(tmp_path)
    windows.profile(SID, r"%SystemDrive%\Users\Jan")
    windows.mine(r"Software\X", One=1)
    assert Registry(Path(r"c:\users\jan"), windows).read(r"HKCU\Software\X\One") == b"1"


def test_a_hive_that_is_not_loaded_is_of_who_is_not_signed_in(tmp_path):
    windows = Windows(tmp_path)
    windows.mine(r"Software\X", One=1)
    windows.sign_out()
    place = Registry(tmp_path, windows)
    for ask in (lambda: place.read(r"HKCU\Software\X\One"), lambda: place.write(rf"{KEY}\a", b"1")):
        with pytest.raises(PlaceError, match="not-signed-in"):
            ask()
    assert (USERS, SID.lower()) not in windows.keys


def test_a_home_that_no_profile_has_is_unreadable(tmp_path):
    with pytest.raises(PlaceError, match="unreadable"):
        Registry(tmp_path / "nobody", Windows(tmp_path)).read(rf"{KEY}\One")


def test_a_key_tells_what_it_has_and_is_not_written(tmp_path):
    windows = Windows(tmp_path)
    windows.mine(r"Software\X\Below")
    windows.mine(r"Software\X", Two=2, One="a")
    place = Registry(tmp_path, windows)
    has = b'{"keys": ["below"], "values": ["One", "Two"]}'
    assert place.read("HKCU\\Software\\X\\") == has
    assert place.read("HKCU\\Software\\Y\\") is None
    with pytest.raises(PlaceError, match="not-permitted"):
        place.write("HKCU\\Software\\X\\", b"1")
    windows.mine(r"Software\X", **{f"v{n}": n for n in range(MAX_NAMES + 1)})
    with pytest.raises(PlaceError, match="too-many"):
        place.read("HKCU\\Software\\X\\")


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"\1\0\0\0", BINARY), (["a"], MULTI_SZ), ("1", 4), (1, 1), (None, 4), (1, 11)],
)
def test_other_types_of_the_registry_are_not_understood(tmp_path, value, kind):
    windows = Windows(tmp_path)
    windows.hold(USERS, rf"{SID}\Software\X", "One", value, kind)
    with pytest.raises(PlaceError, match="not-understood"):
        Registry(tmp_path, windows).read(r"HKCU\Software\X\One")


@pytest.mark.parametrize("wrong", [b"true", b"-1", b"4294967296"])
def test_what_no_dword_holds_is_not_written(tmp_path, wrong):
    with pytest.raises(PlaceError, match="not-understood"):
        Registry(tmp_path, Windows(tmp_path)).write(rf"{KEY}\One", wrong)


@pytest.mark.parametrize("wrong", ["", "HKCU", r"HKCU\One", r"HKXX\a\b", r"Software\a\b"])
def test_a_place_without_hive_or_key_is_refused(tmp_path, wrong):
    with pytest.raises(PlaceError, match="not-understood"):
        Registry(tmp_path, Windows(tmp_path)).read(wrong)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a registry")
def test_elsewhere_there_is_no_registry_to_read(tmp_path):
    with pytest.raises(PlaceError, match="unreadable"):
        Registry(tmp_path).read(rf"{KEY}\One")


# which of them a system has


@pytest.mark.parametrize(
    ("platform", "kinds"),
    [("linux", {"file"}), ("darwin", {"file", "defaults"}), ("win32", {"file", "registry"})],
)
def test_each_system_has_its_own_kinds_of_places(tmp_path, platform, kinds):
    assert set(places_of(Where(tmp_path, platform=platform))) == kinds
