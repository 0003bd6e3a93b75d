# SPDX-License-Identifier: EUPL-1.2
"""How agent and sealing process speak: both ends are this program.

    u32be length || pickle

A module of its own, so that an agent can start a sealing process before it imports what sealing
needs.
"""

import pickle
import struct
from typing import IO, Final

from lakzegel_agent.sealing.parcels import packed, unpacked

LENGTH: Final = struct.Struct(">I")
MAX_MESSAGE: Final = 2**28  # bytes; a file of 150,000 segments has some 15 MB of rows


def send(stream: IO[bytes], message: object) -> None:
    """Write one message.

    Raises:
        OSError: the other end is gone.
    """
    data = pickle.dumps(packed(message), pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> object | None:
    """Return the next message, or None where the other end is gone, perhaps halfway one.

    Also where what came is no message: nothing that follows can be one either.
    """
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > MAX_MESSAGE:
        return None
    data = stream.read(length)
    if len(data) < length:
        return None
    try:
        return unpacked(pickle.loads(data))  # noqa: S301  # from our own parent or child
    except Exception:  # noqa: BLE001  # garbage may raise anything
        return None
