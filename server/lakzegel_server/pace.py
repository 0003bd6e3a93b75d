# SPDX-License-Identifier: EUPL-1.2
"""How slow a sender may be before it is let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from lakzegel_server.errors import SlowError

SILENCE_SECONDS: Final = 30.0  # a sender that says nothing for so long is let go
GRACE_SECONDS: Final = 60.0  # and so is one that after this time
SLOWEST: Final = 16 * 2**10  # has sent less than this a second


async def timed(
    body: AsyncIterator[bytes], *, silence: float = SILENCE_SECONDS, grace: float = GRACE_SECONDS
) -> AsyncIterator[bytes]:
    """The body, from a sender that is not slower than a receiver can wait for.

    Raises:
        SlowError: it is.
    """
    started, received = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(silence):
                chunk = await anext(body, None)
        except TimeoutError:
            raise SlowError(f"nothing came for {silence:g} s") from None
        if chunk is None:
            return
        received += len(chunk)
        if time.monotonic() - started > grace + received / SLOWEST:
            raise SlowError(f"slower than {SLOWEST} bytes a second")
        if chunk:
            yield chunk
