# SPDX-License-Identifier: EUPL-1.2
"""Asks the agent's service, where only that can open the agent's home (docs/spec/health.md §2.2).

    -> q5zk7dnm
    <- {"answer":{"code":"files-failed", …}}
       {"refused":"explain: …"}              {"unknown":"explain: …"}

The kernel tells each side who the other is. The socket has a name and no place on a disk, so that
nobody has to be let into a folder for it; Linux alone has such sockets.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.errors import RefusedError, UnreachableError, UsageError
from lakzegel_agent.platforms import system

MAX_ANSWER: Final = 2**22  # bytes: 100 paths of 4,096 bytes, each escaped
MAX_QUESTION: Final = 32  # bytes: an id and the end of a line
PATIENCE: Final = 30.0  # seconds


def address(home: Path) -> str:
    """The name of the socket of the agent of this home."""
    path = os.fsencode(os.path.abspath(home))  # noqa: PTH100 - links on the way stay as they are
    return f"\0nl.lakzegel/explain/{hashlib.sha256(path).hexdigest()[:32]}"


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process and effective user at the other end, as the kernel saw them when they connected."""
    return system.peer(connection)


def ask(home: Path, wanted: str) -> dict[str, Any]:
    """What the service answers to an id.

    Raises:
        UnreachableError: no agent is at work there, or its answer is cut off.
        RefusedError: it refuses, or somebody else answers in its place.
        UsageError: it knows no such problem of this user's.
    """
    if sys.platform != "linux":
        raise UnreachableError(
            "explain: the agent runs as another user, and only on Linux can it be asked then"
        )
    with system.local_socket(socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(address(home))
            if peer(connection)[1] != home.stat().st_uid:
                raise RefusedError("explain: who answers is not the agent; tell IT support")
            connection.sendall(f"{wanted}\n"[:MAX_QUESTION].encode("ascii", "replace"))
            found = json.loads(_all(connection))
        except OSError:
            raise UnreachableError(
                "explain: the agent runs as another user and is not at work; ask again once it is"
            ) from None
        except ValueError:
            raise UnreachableError("explain: the agent gave no whole answer") from None
    return _answer(found)


def _all(connection: socket.socket) -> bytes:
    data = b""
    while len(data) <= MAX_ANSWER and (piece := connection.recv(65_536)):
        data += piece
    return data


def _answer(found: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON of another process
    if isinstance(found, dict) and isinstance(found.get("answer"), dict):
        answer: dict[str, Any] = found["answer"]
        return answer
    if isinstance(found, dict) and isinstance(found.get("refused"), str):
        raise RefusedError(found["refused"])
    if isinstance(found, dict) and isinstance(found.get("unknown"), str):
        raise UsageError(found["unknown"])
    raise UnreachableError("explain: the agent gave no whole answer")
