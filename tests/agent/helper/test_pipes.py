# SPDX-License-Identifier: EUPL-1.2
"""An agent and a helper over pipes of Windows, recorded ones (docs/spec/session-helper.md §3)."""

import random
import threading
from contextlib import contextmanager, suppress

import pytest

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper import piperoad, serving
from lakzegel_agent.helper.asking import SessionSecrets
from lakzegel_agent.helper.piperoad import PipeRoad, name_of, pipe_door
from lakzegel_agent.helper.pipes32 import Pipes32
from lakzegel_agent.helper.serving import serve
from lakzegel_agent.helper.words import MAX_QUESTION
from lakzegel_agent.platforms import system
from lakzegel_agent.platforms.windowsusers import number_of
from tests.agent.helper.recorded_pipes import RecordedPipes

AGENT = number_of("S-1-5-18")
ME = system.me()
SOMEBODY = number_of("S-1-5-21-9-9-9-1002")


class Keyring:
    """Undoes what Windows protected."""

    def password(self, backend):
        return b"geheim" if backend == "keychain" else None

    def unprotect(self, blob):
        return blob[::-1] or None


@contextmanager
def helping(pipes, *, idle=0.2):
    answered = []
    with pipe_door(pipes) as door:
        thread = threading.Thread(
            target=lambda: answered.append(serve(door, Keyring(), agent=AGENT, idle=idle))
        )
        thread.start()
        try:
            yield answered
        finally:
            thread.join()
    assert pipes.is_open == []


def asking(pipes, user=ME):
    return SessionSecrets(PipeRoad(pipes), user)


def test_the_agent_is_told_what_windows_protected_for_this_user():
    pipes = RecordedPipes(owner=ME, client=AGENT)
    with helping(pipes) as answered:
        assert asking(pipes).unprotect(b"abc") == b"cba"
        assert asking(pipes).unprotect(bytes(2048)) == bytes(2048)
        assert asking(pipes).password("keychain") == b"geheim"
    assert answered == [3]


def test_a_pipe_that_another_user_made_is_told_nothing():
    pipes = RecordedPipes(owner=SOMEBODY, client=AGENT)
    with helping(pipes) as answered:
        assert asking(pipes).unprotect(b"abc") is None
    assert answered == [0]


def test_a_process_that_is_not_the_agents_is_told_nothing():
    pipes = RecordedPipes(owner=ME, client=SOMEBODY)
    with helping(pipes) as answered:
        assert asking(pipes).unprotect(b"abc") is None
    assert answered == [0]


def test_where_nobody_is_signed_in_there_is_no_answer():
    pipes = RecordedPipes(owner=ME, client=AGENT)
    assert asking(pipes).unprotect(b"abc") is None
    assert asking(pipes, SOMEBODY).unprotect(b"abc") is None
    assert pipes.is_open == []


def test_a_second_helper_of_one_user_says_that_there_is_one():
    pipes = RecordedPipes(owner=ME, client=AGENT)
    with (
        pipe_door(pipes),
        pytest.raises(UsageError, match="another helper"),
        pipe_door(pipes),
    ):
        pass


def test_whatever_is_said_the_helper_answers_the_next(monkeypatch):
    monkeypatch.setattr(piperoad, "LISTENING", 0.02)
    monkeypatch.setattr(serving, "LISTENING", 0.02)
    pipes, chance = RecordedPipes(owner=ME, client=AGENT), random.Random(20)
    said = [b"", b"\n", b"{}\n", b'{"ask":"unprotect","blob":"YQ=="}', b"x" * (MAX_QUESTION + 9)]
    said += [b'{"ask":"file","path":"C:/x"}\n', b'{"ask":"unprotect","blob":"YQ==","path":"x"}\n']
    said += [chance.randbytes(chance.randrange(1, 300)) + b"\n" for _ in range(60)]
    with helping(pipes, idle=1.0) as answered:
        for line in said:
            pipe = pipes.connect(name_of(ME), 1.0)
            with suppress(OSError):  # the helper need not wait for all of it
                pipes.write(pipe, line, 1.0)
            pipes.close(pipe)
            assert asking(pipes).unprotect(b"abc") == b"cba"
    assert answered == [len(said)]


def test_who_connects_and_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(piperoad, "LISTENING", 0.05)
    pipes = RecordedPipes(owner=ME, client=AGENT)
    with helping(pipes, idle=1.0):
        silent = pipes.connect(name_of(ME), 1.0)
        assert asking(pipes).unprotect(b"abc") == b"cba"
        pipes.close(silent)


def test_the_recording_knows_every_call():
    wanted = {name for name in vars(piperoad.Pipes) if name[0] != "_"}
    for made in (RecordedPipes, Pipes32):
        assert wanted <= set(dir(made)), made


def test_users_are_numbers_that_are_no_accident():
    one, other = number_of("S-1-5-21-1-2-3-1001"), number_of("S-1-5-21-1-2-3-1002")
    assert one != other
    assert {one, other}.isdisjoint({0, 2**32 - 1})
    assert number_of("BA") == number_of("SY") == number_of("S-1-5-32-544") == AGENT
    assert name_of(one) != name_of(other)
    assert len(name_of(2**48 - 1)) < 256
    assert name_of(one).startswith("\\\\.\\pipe\\nl.lakzegel.agent.")
