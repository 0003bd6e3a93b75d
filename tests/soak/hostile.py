# SPDX-License-Identifier: EUPL-1.2
"""A receiver's stand-in that passes on what it is asked, and answers as it was told to.

honest    what the receiver answered
lies      what another function made of it
stalls    nothing, until it is honest again
late      what the receiver answered, when nobody waits any more
half      the first half, then silence and the end of the connection
silent    nothing at all, the request never arrives
"""

import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

PATIENCE = 1.0  # seconds that the agent under test waits for an answer
# `once` as its command line, but with less patience
IMPATIENT = f"""
import sys
from lakzegel_agent import bounded, service, transport
bounded.READ = transport.READ = {PATIENCE}
service.TRIES = 2
from lakzegel_agent.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


class Hostile:
    """One such stand-in."""

    def __init__(self, target):
        self.target = target
        self.told = "honest", "/", None
        self.answers = []  # (path, body) of every answer of 200 that passed
        self.wronged = 0  # requests that were not answered honestly
        self._mended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def be(self, manner, path="/", lie=None):
        """From now on answer requests below ``path`` so."""
        self._mended.set()
        self._mended = threading.Event()
        self.told = manner, path, lie  # at once: others are being answered

    def close(self):
        """End."""
        self._mended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler):
        """One request."""
        size = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(size) if size else None
        (manner, path, lie), mended = self.told, self._mended
        if not handler.path.startswith(path):
            manner = "honest"
        self.wronged += manner != "honest"
        if manner == "silent":
            handler.close_connection = True
            return
        if manner == "stalls":
            mended.wait()
            handler.close_connection = True
            return
        try:
            status, data = self._ask(handler, body)
        except requests.ConnectionError:  # the receiver is away
            handler.close_connection = True
            return
        if manner == "late":
            mended.wait()
        if manner == "lies" and status == 200:
            data = lie(data)
        _send(handler, status, data, half=manner == "half")

    def _ask(self, handler, body):
        kept = {k: v for k, v in handler.headers.items() if k == "Authorization"}
        got = requests.request(
            handler.command, self.target + handler.path, data=body, headers=kept, timeout=60
        )
        if got.status_code == 200 and self.told[0] == "honest":
            self.answers.append((handler.path, got.content))
        return got.status_code, got.content


class _Server(ThreadingHTTPServer):
    def handle_error(self, *which):
        """Say so, but of who asked and was killed then."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*which)


def _send(handler, status, data, *, half):
    with suppress(OSError):  # nobody waits any more
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2] if half else data)
    handler.close_connection = half


def _handler(hostile):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            hostile.answer(self)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server's names

        def log_message(self, *_):
            pass

    return Handler
