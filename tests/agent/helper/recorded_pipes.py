# SPDX-License-Identifier: EUPL-1.2
"""Pipes with a name as Windows has them, over sockets of this system; strict about its rules."""

import errno
import os
import select
import socket
import threading
import time
from itertools import count


class RecordedPipes:
    """All pipes of one machine, seen by the processes of two users."""

    def __init__(self, *, owner, client):
        self._owner, self._client = owner, client
        self._numbers = count(100)
        self._pipes = {}  # number: the socket, where somebody is connected
        self._names = {}  # name: number of the pipe that listens
        self._waiting = {}  # number of the pipe: sockets of those who wait
        self._heard = set()
        self._changed = threading.Condition()

    def listen(self, name):
        with self._changed:
            if name in self._names:
                raise PermissionError(errno.EACCES, "Access is denied", name)
            pipe = next(self._numbers)
            self._names[name], self._waiting[pipe] = pipe, []
            return pipe

    def accept(self, pipe, seconds):
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting[pipe], seconds):
                return False
            self._pipes[pipe] = self._waiting[pipe].pop(0)
            return True

    def dismiss(self, pipe):
        self._heard.discard(pipe)
        self._pipes.pop(pipe).close()

    def connect(self, name, seconds):
        ours, theirs = socket.socketpair()
        with self._changed:
            if name not in self._names:
                theirs.close()
                ours.close()
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            self._waiting[self._names[name]].append(theirs)
            pipe = next(self._numbers)
            self._pipes[pipe] = ours
            self._changed.notify_all()
            return pipe

    def owner(self, pipe):
        return self._owner

    def client(self, pipe):
        if pipe not in self._heard:  # ERROR_CANNOT_IMPERSONATE
            raise OSError(errno.EINVAL, "nothing of it was read")
        return self._client

    def write(self, pipe, data, seconds):
        self._pipes[pipe].settimeout(seconds)
        try:
            self._pipes[pipe].sendall(data)
        except ConnectionError:
            raise BrokenPipeError(errno.EPIPE, "the pipe is being closed") from None

    def read(self, pipe, most, seconds):
        end = time.monotonic() + seconds
        left = max(end - time.monotonic(), 0)
        if not select.select([self._pipes[pipe]], [], [], left)[0]:
            raise TimeoutError
        try:
            data = self._pipes[pipe].recv(most)
        except ConnectionError:
            data = b""
        if data:
            self._heard.add(pipe)
        return data

    def close(self, pipe):
        with self._changed:
            self._names = {name: one for name, one in self._names.items() if one != pipe}
            for one in (*self._waiting.pop(pipe, ()), self._pipes.pop(pipe, None)):
                if one is not None:
                    one.close()

    @property
    def is_open(self):
        return [*self._pipes, *self._waiting]
