# SPDX-License-Identifier: EUPL-1.2
"""The Windows half of what differs between systems, over recorded calls (docs/adr/0035)."""

import os
import stat

import pytest

from lakzegel_agent import durable
from lakzegel_agent.errors import UsageError
from lakzegel_agent.home import Home
from lakzegel_agent.platforms import NOBODY, posix, system, windows
from lakzegel_agent.platforms.base import System
from lakzegel_agent.platforms.windowsusers import number_of
from lakzegel_agent.sources import locate
from tests.agent.platforms.recorded import ME, RecordedKernel, become_windows

CALLS = [name for name in dir(System) if name[0] != "_"]


@pytest.fixture
def kernel(monkeypatch):
    return become_windows(monkeypatch)


@pytest.fixture(params=["posix", "windows"])
def either(request, monkeypatch):
    """Each system in its turn: what is asked of one is asked of the other."""
    if request.param == "windows":
        become_windows(monkeypatch)
    return request.param


@pytest.mark.parametrize("module", [posix, windows], ids=["posix", "windows"])
def test_a_module_is_a_whole_system(module):
    assert len(CALLS) > 25
    assert [name for name in CALLS if not callable(getattr(module, name, None))] == []


# what holds on every system


def test_a_link_is_never_opened(either, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "link").symlink_to("secret")
    for call in (system.open_to_read, system.open_unnoticed, system.open_to_sync):
        with pytest.raises(OSError, match="link"):
            call(tmp_path / "link")
    with pytest.raises(OSError, match="link"):
        system.open_to_write(tmp_path / "link", os.O_WRONLY | os.O_TRUNC)
    assert (tmp_path / "secret").read_bytes() == b"x"


def test_what_is_not_there_is_said_to_be_not_there(either, tmp_path):
    for call in (system.open_to_read, system.remove):
        with pytest.raises(FileNotFoundError):
            call(os.fsencode(tmp_path / "gone"))


def test_a_file_is_read_from_any_place_of_it(either, tmp_path):
    (tmp_path / "f").write_bytes(b"0123456789")
    descriptor = system.open_to_read(tmp_path / "f")
    try:
        assert system.pread(descriptor, 4, 6) == b"6789"
        assert system.pread(descriptor, 4, 8) == b"89"
        assert system.pread(descriptor, 4, 10) == b""
        memory = memoryview(bytearray(7))
        assert system.read_into(descriptor, memory) == 7
        assert bytes(memory) == b"0123456"
        assert system.read_into(descriptor, memory) == 3
    finally:
        os.close(descriptor)


def test_a_pipe_in_a_file_s_place_is_not_waited_for(either, tmp_path):
    os.mkfifo(tmp_path / "f")
    try:
        descriptor = system.open_to_read(tmp_path / "f")
    except OSError:
        return
    assert stat.S_ISFIFO(os.fstat(descriptor).st_mode)  # whoever opened it looks
    os.close(descriptor)


def test_one_holds_a_lock_and_another_sees_it(either, tmp_path):
    first, second = Home(tmp_path / "home"), Home(tmp_path / "home")
    with first.exclusive():
        assert second.is_locked()
        with pytest.raises(Exception, match="another agent"), second.exclusive():
            pass
        assert second.is_locked()
    assert not second.is_locked()
    with second.exclusive():
        assert first.is_locked()


def test_a_file_is_the_old_one_or_the_new_one(either, tmp_path):
    durable.write_file(tmp_path / "f", b"old")
    durable.write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    with pytest.raises(FileExistsError):
        durable.write_new(tmp_path / "f", b"another")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f"]


def test_a_folder_of_ours_is_closed_to_others(either, tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    assert home.open_to_others() == []


def test_room_is_kept_and_counted(either, tmp_path):
    descriptor = system.open_to_write(tmp_path / "f", os.O_CREAT | os.O_WRONLY)
    system.reserve(descriptor, 70_000)
    os.close(descriptor)
    assert (tmp_path / "f").stat().st_size == 70_000
    assert (tmp_path / "f").stat().st_blocks * 512 >= 70_000
    assert system.free(tmp_path) > 0


def test_a_listing_tells_which_file_it_is(either, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with os.scandir(os.fsencode(tmp_path)) as entries:
        found = {e.name: (system.is_folder(e), system.stat_entry(e)) for e in entries}
    assert {name: folder for name, (folder, _) in found.items()} == {
        b"f": False,
        b"folder": True,
        b"link": False,
    }
    told = (tmp_path / "f").stat()
    assert (found[b"f"][1].st_ino, found[b"f"][1].st_dev) == (told.st_ino, told.st_dev)
    assert stat.S_ISLNK(found[b"link"][1].st_mode)


def test_what_one_makes_is_ones_own(either, tmp_path):
    descriptor = system.open_to_write(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    assert system.owner(descriptor) == system.me()
    os.close(descriptor)


def test_two_clocks_tell_how_long_the_device_slept(either):
    before = system.going_on() - system.awake()
    assert abs(system.going_on() - system.awake() - before) < 1


def test_a_folder_is_listed_and_its_files_are_looked_at(either, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    with system.listing(os.fsencode(tmp_path)) as entries:
        assert [entry.name for entry in entries] == [b"f"]
    assert system.lstat(os.fsencode(tmp_path / "f")).st_size == 1
    with pytest.raises(FileNotFoundError):
        system.lstat(os.fsencode(tmp_path / "gone"))


# what is Windows' own


@pytest.mark.parametrize(
    ("path", "native"),
    [
        (r"C:\Users\jan\Mail", r"\\?\C:\Users\jan\Mail"),
        ("C:/Users/jan/Mail", r"\\?\C:\Users\jan\Mail"),
        (b"C:/Users/jan/../els", r"\\?\C:\Users\els"),
        ("C:/a/./b//c", r"\\?\C:\a\b\c"),
        ("//server/share/a", r"\\?\UNC\server\share\a"),
        (r"\\?\C:\whole", r"\\?\C:\whole"),
        ("C:/" + "d" * 300, "\\\\?\\C:\\" + "d" * 300),
        ("C:/x/CON", r"\\?\C:\x\CON"),  # a file of that name, and no device
        ("C:/x/nul.txt", r"\\?\C:\x\nul.txt"),
        ("C:/x/dot. ", r"\\?\C:\x\dot. "),
        (b"C:/na\xc3\xafef", r"\\?\C:\naïef"),
    ],
)
def test_a_path_goes_whole_to_the_system(path, native):
    assert windows.native(path) == native


def test_what_the_cloud_keeps_is_a_file(kernel, tmp_path):
    (tmp_path / "f").write_bytes(b"here")
    kernel.clouded.add(str(tmp_path / "f"))
    descriptor = system.open_to_read(tmp_path / "f")
    assert system.pread(descriptor, 9, 0) == b"here"
    os.close(descriptor)
    assert kernel.is_open == []


def test_what_was_exchanged_while_it_was_opened_is_refused(kernel, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "f").write_bytes(b"here")
    kernel.clouded.add(str(tmp_path / "f"))

    def exchange():
        (tmp_path / "f").unlink()
        (tmp_path / "f").symlink_to("secret")

    kernel.exchange = exchange
    with pytest.raises(OSError, match="symbolic"):
        system.open_to_read(tmp_path / "f")
    assert kernel.is_open == []


def test_a_link_is_not_followed_even_to_be_looked_at(kernel, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OSError, match="link"):
        system.open_to_read(tmp_path / "link")
    assert kernel.asked == [("open", str(tmp_path / "link"))]


def test_nothing_stays_open_of_what_is_refused(kernel, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(OSError, match=name):
            system.open_to_read(tmp_path / name)
    assert kernel.is_open == []


def test_who_looks_at_a_file_is_waited_for(kernel, tmp_path):
    kernel.held = {str(tmp_path / "f.part"): 3}
    durable.write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    kernel.held = {str(tmp_path / "f"): 2}
    system.remove(tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_who_never_lets_go_is_not_waited_for_for_ever(kernel, tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    kernel.held = {str(tmp_path / "f"): 10_000}
    with pytest.raises(PermissionError):
        durable.write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert 10_000 - kernel.held[str(tmp_path / "f")] == windows.TRIES


@pytest.mark.parametrize(
    ("sddl", "is_open"),
    [
        ("O:S-1-5-21-9D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)", False),
        ("O:S-1-5-21-9D:PAI(A;OICI;FA;;;S-1-5-21-9)", False),
        ("O:SYG:SYD:P(A;;FA;;;S-1-5-18)(A;;FA;;;S-1-5-32-544)", False),
        ("O:S-1-5-21-9D:P(A;OICI;FA;;;S-1-5-21-8)", True),
        ("O:BAD:AI(A;OICIID;0x1200a9;;;BU)", True),
        ("O:BAD:(A;;FR;;;WD)", True),
        ("O:BAD:(D;;FA;;;WD)(A;;FA;;;SY)", False),
        ("O:BAD:(D;;FA;;;WD)(XA;;FA;;;WD;(1))", True),
        ("O:BAD:NO_ACCESS_CONTROL", True),
        ("O:BA", True),
        ("O:BAD:P", False),  # an empty list: nobody
        ("", True),
    ],
)
def test_an_access_list_says_whether_others_may(kernel, tmp_path, sddl, is_open):
    kernel.sddl[str(tmp_path)] = sddl
    assert system.is_open_to_others(tmp_path) is is_open


def test_a_home_that_somebody_else_made_first_is_refused(kernel, tmp_path):
    kernel.sddl[str(tmp_path / "home")] = "O:S-1-5-21-9-9-9-1002D:P(A;OICI;FA;;;SY)"
    with pytest.raises(UsageError, match="cannot be the agent's home"):
        Home(tmp_path / "home").create()
    kernel.sddl[str(tmp_path / "home")] = "O:BAD:AI(A;;FA;;;BU)"
    Home(tmp_path / "home").create()
    assert kernel.sddl[str(tmp_path / "home")].endswith(windows.OURS)


def test_what_is_closed_already_is_left_as_it_is(kernel, tmp_path):
    Home(tmp_path / "home").create()
    assert [call for call in kernel.asked if call[0] == "secure"] == [
        ("secure", str(tmp_path / "home"))
    ]
    Home(tmp_path / "home").create()
    assert len([call for call in kernel.asked if call[0] == "secure"]) == 1


def test_a_user_is_a_number_that_python_says_of_no_file(kernel, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    kernel.sddl[str(tmp_path)] = f"O:{ME}D:P"
    descriptor = system.open_to_read(tmp_path / "f")
    assert system.me() == system.me_really() == system.owner(descriptor)
    assert system.me() == system.owner_of(tmp_path)
    assert system.me() not in {0, NOBODY, tmp_path.stat().st_uid}
    os.close(descriptor)
    assert system.name_of(0) is None
    assert system.home_of(0) is None
    assert not system.shows(os.fsencode(tmp_path), [b"f"], system.me())


def test_what_administrators_own_is_the_system_s(kernel, tmp_path):
    kernel.sddl[str(tmp_path)] = "O:BAG:SYD:P"
    assert system.owner_of(tmp_path) == number_of("S-1-5-18") != system.me()
    kernel.sddl[str(tmp_path)] = "D:P"
    assert system.owner_of(tmp_path) == NOBODY


def test_elsewhere_there_are_no_calls_of_windows():
    windows.kernel.cache_clear()
    with pytest.raises(OSError, match="implemented"):
        windows.kernel()


def test_the_recording_knows_every_call():
    from lakzegel_agent.platforms.kernel import Kernel  # noqa: PLC0415
    from lakzegel_agent.platforms.win32api import Win32  # noqa: PLC0415

    wanted = {name for name in vars(Kernel) if name[0] != "_"}
    for made in (RecordedKernel, Win32):
        assert wanted <= set(dir(made)), made


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (r"C:\Users\jan\Mail", b"C:/Users/jan/Mail"),
        ("C:/Users//jan/./Mail/", b"C:/Users/jan/Mail"),
        ("~/Mail", b"C:/Users/jan/Mail"),
        (r"~\Mail", b"C:/Users/jan/Mail"),
        ("~", b"C:/Users/jan"),
        (r"\\server\share\post", b"//server/share/post"),
        ("c:/", b"c:/"),
    ],
)
def test_a_policy_s_path_is_one_of_windows(kernel, path, root):
    found = locate(path, home=rb"C:\Users\jan")
    assert (found.root, found.missing) == (root, True)


@pytest.mark.parametrize("path", ["/etc", r"\Mail", "Mail", "C:Mail", r"~\..\other", r"C:\a\..\b"])
def test_a_path_of_no_drive_or_one_that_climbs_is_none(kernel, path):
    with pytest.raises(UsageError):
        locate(path, home=rb"C:\Users\jan")


def test_names_are_compared_without_case_where_the_system_does(either, tmp_path):
    found = locate("/p/*.EML" if either == "posix" else "C:/p/*.EML", home=b"")
    assert found.only(b"brief.EML")
    assert found.only(b"brief.eml") is (either == "windows")
