# SPDX-License-Identifier: EUPL-1.2
"""The office's own HTTP server around an application, while a test needs it."""

import threading
from contextlib import contextmanager

from lakzegel_office.witness.listening import Endpoint, make_server


@contextmanager
def serving_app(app, *, cert=None, key=None):
    """Serve `app` on a free port of loopback; gives its address."""
    endpoint = Endpoint.parse("127.0.0.1:0", cert=cert, key=key)
    with endpoint.bind() as bound:
        ready = threading.Event()
        server = make_server(app, endpoint, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        assert ready.wait(10)
        try:
            yield endpoint.url(bound)
        finally:
            server.should_exit = True
            thread.join()
