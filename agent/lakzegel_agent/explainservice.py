# SPDX-License-Identifier: EUPL-1.2
"""Answers users who cannot open the agent's home, each about his own files (health.md §2.2).

One question at a time, in a thread that otherwise waits. An agent whose own user owns `user_home`
has none: that user opens the home himself.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lakzegel_agent import journal
from lakzegel_agent.errors import AgentError, RefusedError, UsageError
from lakzegel_agent.platforms import system
from lakzegel_core.errors import LakzegelError

if TYPE_CHECKING:
    from lakzegel_agent.station import Station

PATIENCE: Final = 2.0  # seconds for a question, and for taking its answer
_WAITING: Final = 8  # who may wait for an answer
_FAILED: Final = "explain: the agent could not look it up; see its status"


@contextmanager
def answering(opened: Station) -> Iterator[None]:
    """Answer questions as long as this lasts, where there can be any."""
    listening = _listen(opened)
    if listening is None:
        yield
        return
    thread = threading.Thread(target=_work, args=(listening, opened), name="explain", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # wakes who waits in it
        thread.join()
        listening.close()


def _listen(opened: Station) -> socket.socket | None:
    """The socket that is asked at; None where nobody would, or where it cannot be had."""
    from lakzegel_agent.explainasked import address  # noqa: PLC0415 - few agents need it

    if sys.platform != "linux" or _is_own(opened):
        return None
    made = system.local_socket(socket.SOCK_STREAM)
    try:
        made.bind(address(opened.home.root))
        made.listen(_WAITING)
    except OSError:  # somebody took its name: who asks him is told that he is not the agent
        made.close()
        journal.note("explain", "agent", result="failed")
        return None
    return made


def _is_own(opened: Station) -> bool:
    try:
        return opened.config.user_home.stat().st_uid == system.me()
    except OSError:
        return False


def _work(listening: socket.socket, opened: Station) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            connection.sendall(json.dumps(_answer(connection, opened)).encode("ascii"))


def _answer(connection: socket.socket, opened: Station) -> dict[str, Any]:
    """The answer to one question, or why there is none; each is a line of the log."""
    from lakzegel_agent.explain import person_of, require_same  # noqa: PLC0415 - few are asked
    from lakzegel_agent.explainasked import MAX_QUESTION, peer  # noqa: PLC0415
    from lakzegel_agent.explainfor import look_up_for  # noqa: PLC0415
    from lakzegel_agent.explainhomes import homes_of  # noqa: PLC0415

    pid, uid = peer(connection)
    wanted = connection.recv(MAX_QUESTION).decode("ascii", "replace").strip().lower()
    try:
        require_same(person_of(pid), uid)
        homes = homes_of(uid, opened.config.user_home)
        with opened.open_ledger() as ledger:
            found = look_up_for(homes, opened, ledger, wanted)
    except (RefusedError, UsageError) as error:
        _note("refused", uid, "")
        return {"refused" if isinstance(error, RefusedError) else "unknown": str(error)}
    except (AgentError, LakzegelError, OSError):
        _note("failed", uid, "")
        return {"refused": _FAILED}
    _note("ok", uid, found.id)
    return {"answer": asdict(found)}


def _note(result: journal.Result, uid: int, id_: str) -> None:
    journal.note("explain", "problem", result=result, actor="user", id_=id_, numbers={"uid": uid})
