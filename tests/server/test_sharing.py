# SPDX-License-Identifier: EUPL-1.2
"""A lock that many hold together, or one alone."""

import threading

from lakzegel_server.sharing import SharedLock


def test_many_share_it_and_who_is_alone_waits_for_them_all():
    lock, order = SharedLock(), []
    waiting = threading.Event()

    def alone():
        waiting.set()
        with lock.alone():
            order.append("alone")

    other = threading.Thread(target=alone)
    with lock.shared(), lock.shared():
        other.start()
        assert waiting.wait(10)
        other.join(0.05)
        order.append("shared")
    other.join(10)
    assert order == ["shared", "alone"]


def test_nobody_shares_it_while_somebody_is_alone():
    lock, order = SharedLock(), []

    def shared():
        with lock.shared():
            order.append("shared")

    other = threading.Thread(target=shared)
    with lock.alone():
        other.start()
        other.join(0.05)
        order.append("alone")
    other.join(10)
    assert order == ["alone", "shared"]
