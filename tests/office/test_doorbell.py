# SPDX-License-Identifier: EUPL-1.2
"""A following office is woken by the log, by a signal, and after a while where nobody answers."""

import queue
import threading
import time

from lakzegel_office.doorbell import Doorbell
from lakzegel_office.errors import MissingError


class Receiver:
    def __init__(self):
        self.asked, self.answers = queue.Queue(), queue.Queue()

    def wait(self, size, seconds):
        self.asked.put(size)
        answer = self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


def waiting(bell, known, every):
    thread = threading.Thread(target=bell.wait, args=(known, every))
    thread.start()
    return thread


def test_it_rings_when_the_receiver_answers_and_not_before():
    receiver = Receiver()
    bell = Doorbell(lambda: receiver)
    for known in (3, 4):
        thread = waiting(bell, known, 60)
        assert receiver.asked.get(timeout=10) == known
        assert thread.is_alive()
        receiver.answers.put(True)
        thread.join(10)
        assert not thread.is_alive()


def test_it_can_be_pressed_while_the_receiver_is_silent():
    bell = Doorbell(Receiver)
    thread = waiting(bell, 0, 60)
    bell.press()
    thread.join(10)
    assert not thread.is_alive()


def test_where_the_receiver_does_not_know_the_question_it_rings_after_a_while():
    receiver = Receiver()
    bell = Doorbell(lambda: receiver)
    receiver.answers.put(MissingError("404"))
    began = time.monotonic()
    bell.wait(0, 0.2)
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    bell.wait(None, 0.2)
    assert time.monotonic() - began >= 0.2


def test_it_is_heard_though_a_question_fails_at_the_same_moment():
    class Failing(Receiver):
        def wait(self, size, seconds):
            bell.press()
            raise MissingError("404")

    bell = Doorbell(Failing)
    for _ in range(20):
        thread = waiting(bell, 0, 60)
        thread.join(10)
        assert not thread.is_alive()


def test_a_failure_that_nobody_foresaw_is_one_as_any_other():
    receiver = Receiver()
    bell = Doorbell(lambda: receiver)
    for answer, every in ((RuntimeError("a library's own"), 0.1), (True, 60)):
        receiver.answers.put(answer)
        thread = threading.Thread(target=bell.wait, args=(0, every), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()


def test_a_receiver_that_rings_for_nothing_is_answered_now_and_then():
    receiver = Receiver()
    bell = Doorbell(lambda: receiver)
    times = []
    for known in (7, 7, 8):
        receiver.answers.put(True)
        began = time.monotonic()
        bell.wait(known, 0.5)
        times.append(time.monotonic() - began)
    assert times[1] >= 0.5 > max(times[0], times[2])
