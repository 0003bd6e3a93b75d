# SPDX-License-Identifier: EUPL-1.2
"""An agent and the helper of a session over real sockets, and the wrong one at the other end."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper.asking import SessionSecrets
from lakzegel_agent.helper.serving import serve
from lakzegel_agent.helper.session import help_agent
from lakzegel_agent.helper.unixroad import UnixDoor, UnixRoad, bound, place_of
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.signal_secrets import SystemSecrets, secrets

ME = system.me()
SOMEBODY = 4_000_000


class Keyring:
    """Tells one password."""

    def password(self, backend):
        return b"geheim" if backend == "gnome_libsecret" else None

    def unprotect(self, blob):
        return blob[::-1] or None


@pytest.fixture
def place(tmp_path):
    return tmp_path / "lakzegel-agent"


@contextmanager
def helping(place, *, agent=ME, held=Keyring(), idle=0.2):  # noqa: B008 - it has no state
    """A helper behind a socket; how many questions it answered is in the list at the end."""
    answered = []
    with system.local_socket(socket.SOCK_STREAM) as listening:
        listening.bind(str(place))
        listening.listen()
        thread = threading.Thread(
            target=lambda: answered.append(serve(UnixDoor(listening), held, agent=agent, idle=idle))
        )
        thread.start()
        try:
            yield answered
        finally:
            thread.join()


def asking(place, user=ME):
    return SessionSecrets(UnixRoad(lambda _: place), user)


def test_the_agent_is_told_what_the_session_is_told_and_the_helper_ends_by_itself(place):
    with helping(place) as answered:
        assert asking(place).password("gnome_libsecret") == b"geheim"
        assert asking(place).password("kwallet6") is None
        assert asking(place).password("basic_text") is None  # nobody is asked
        assert asking(place).unprotect(b"abc") == b"cba"
    assert answered == [3]


def test_a_helper_answers_the_agents_user_alone(place):
    with helping(place, agent=SOMEBODY) as answered:
        assert asking(place).password("gnome_libsecret") is None
    assert answered == [0]


def test_an_agent_asks_the_owner_of_the_store_alone(place):
    with helping(place) as answered:
        assert asking(place, SOMEBODY).password("gnome_libsecret") is None
    assert answered == [0]


def test_where_nobody_is_logged_in_there_is_no_answer(place):
    assert asking(place).password("gnome_libsecret") is None
    assert str(place_of(1000)) == "/run/user/1000/lakzegel-agent"


@pytest.mark.parametrize("said", [b"", b"nonsense\n", b"x" * 70_000, b'{"ask":"password"}\n'])
def test_who_talks_nonsense_or_goes_away_keeps_nobody_else_from_being_answered(place, said):
    with helping(place, idle=1.0) as answered:
        with system.local_socket(socket.SOCK_STREAM) as connection:
            connection.connect(str(place))
            with suppress(ConnectionError):  # it need not read all of it
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(100) == b""
        assert asking(place).password("gnome_libsecret") == b"geheim"
    assert answered == [1]


def test_who_says_nothing_is_not_waited_for(place, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.helper.serving.LISTENING", 0.05)
    with helping(place, idle=1.0), system.local_socket(socket.SOCK_STREAM) as connection:
        connection.connect(str(place))
        assert connection.recv(100) == b""
        assert asking(place).password("gnome_libsecret") == b"geheim"


@pytest.fixture
def short():
    """A folder whose path is as short as that of a home: names of sockets have a limit."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="h") as folder:
        yield Path(folder)


def test_on_macos_a_helper_listens_in_its_users_library(short, monkeypatch):
    homes = {ME: os.fsencode(short)}
    monkeypatch.setattr(system, "home_of", homes.get)
    (short / "Library/Application Support").mkdir(parents=True)
    place = place_of(ME, "darwin")
    assert place == short / "Library/Application Support/Lakzegel/lakzegel-agent"
    assert str(place_of(SOMEBODY, "darwin")).startswith("/var/empty/")
    for _ in range(2):
        with bound(place) as listening:
            assert listening.getsockname() == str(place)
            assert place.stat().st_mode & 0o777 == 0o600
            assert place.parent.stat().st_mode & 0o777 == 0o700
            with pytest.raises(UsageError, match="another helper"), bound(place):
                pass
        assert not place.exists()


def test_a_home_whose_path_is_too_long_for_a_socket_is_said(short):
    with pytest.raises(UsageError, match="too long"), bound(short / ("d" * 120)):
        pass


def test_the_socket_of_a_helper_that_was_killed_is_in_nobodys_way(place):
    with system.local_socket(socket.SOCK_STREAM) as left:
        left.bind(str(place))
    assert place.is_socket()
    with bound(place):
        assert place.is_socket()


def test_whose_store_it_is_says_who_is_asked():
    assert isinstance(secrets(ME), SystemSecrets)
    assert isinstance(secrets(SOMEBODY), SessionSecrets)


def test_no_helper_is_needed_where_the_agent_runs_as_the_user_and_none_works_without_a_socket(
    tmp_path, monkeypatch
):
    with pytest.raises(UsageError, match="needs no helper"):
        help_agent(tmp_path)
    with pytest.raises(UsageError, match="start the agent"):
        help_agent(tmp_path / "absent")
    monkeypatch.setattr("lakzegel_agent.helper.session._agent_of", lambda _: SOMEBODY)
    with pytest.raises(UsageError, match="no socket was handed over"):
        help_agent(tmp_path)


SCRIPT = """
import sys
from pathlib import Path
from lakzegel_agent.helper import session
session._agent_of = lambda home: int(sys.argv[1])
session.system = type("S", (), {"me": staticmethod(lambda: -7)})
session.SystemSecrets = lambda: type("K", (), {"password": lambda self, b: b"geheim"})()
print(session.help_agent(Path("/"), idle=1.0))
"""


@pytest.mark.real_start
def test_a_helper_takes_the_socket_that_the_users_manager_made(place, monkeypatch):
    monkeypatch.setattr("lakzegel_agent.helper.session.system.me", lambda: SOMEBODY)
    with system.local_socket(socket.SOCK_STREAM) as listening:
        listening.bind(str(place))
        listening.listen()
        helper = subprocess.Popen(
            [
                *("bash", "-c", 'exec 3<&"$1"; LISTEN_PID=$$ LISTEN_FDS=1 exec "${@:2}"', "bash"),
                *(str(listening.fileno()), sys.executable, "-c", SCRIPT, str(os.geteuid())),
            ],
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = asking(place, os.geteuid()).password("gnome_libsecret")
        out, err = helper.communicate(timeout=30)
    assert (out, told) == ("1\n", b"geheim"), err
