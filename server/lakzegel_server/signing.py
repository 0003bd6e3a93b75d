# SPDX-License-Identifier: EUPL-1.2
"""The signed checkpoint that lies in DATA, and signing a new one.

A smaller checkpoint never takes a larger one's place there: what was signed once is a promise.
"""

from __future__ import annotations

from collections.abc import Callable

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.durable import replace_file
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import LogSigner
from lakzegel_server.logstore import LogStore


class Signing:
    """Signs for one log; ``stated`` is the size of its own newest checkpoint that lay there."""

    def __init__(
        self, store: LogStore, signer: LogSigner, clock: Callable[[], float], layout: Layout
    ) -> None:
        self._store = store
        self._layout = layout
        self._signer = signer
        self._clock = clock
        self.stated = 0

    @property
    def trouble(self) -> str | None:
        """Why nothing can be signed at present; None when it can, as far as is known."""
        return self._signer.trouble

    def newest(self) -> Checkpoint:
        """The signed checkpoint that lies there; of nothing when there is none, or it is torn."""
        found = (self._opened(data) for data in (self._store.read_checkpoint(), self._remembered()))
        nothing = Checkpoint(self._signer.keys.origin, 0, self._store.root(0))
        return max((one for one in found if one), key=lambda one: one.size, default=nothing)

    def word(self) -> bytes | None:
        """The signed checkpoint of the larger tree, of the two that may lie here."""
        there, own = self._store.read_checkpoint(), self._remembered()
        of_there, of_own = self._opened(there), self._opened(own)
        if of_own is not None and (of_there is None or of_own.size > of_there.size):
            return own
        return there

    def remember(self, data: bytes) -> None:
        """Keep what is about to be shown where no other receiver and no index can take it back.

        Raises:
            OSError: it cannot be kept.
        """
        if self._layout.shared and data:
            replace_file(self._layout.shown, data, work=self._layout.incoming, sync=False)

    def _remembered(self) -> bytes | None:
        try:
            with self._layout.shown.open("rb") as file:
                return file.read(MAX_CHECKPOINT)
        except FileNotFoundError:
            return None

    def _opened(self, data: bytes | None) -> Checkpoint | None:
        try:
            return open_checkpoint(data or b"", self._signer.keys).checkpoint
        except (LakzegelError, ValueError):
            return None

    def adopt(self, checkpoint: Checkpoint) -> bytes | None:
        """The one that lies there, with its witnesses' lines, when it is of this very tree."""
        data = self._store.read_checkpoint()
        if data is None or not data.startswith(checkpoint.to_text()):
            return None  # as after every entry: no signature has to be verified to see that
        try:
            found = open_checkpoint(data, self._signer.keys).checkpoint
        except (LakzegelError, ValueError):
            return None
        return data if found == checkpoint else None

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Sign, and leave it there unless a larger one lies there, which shows what is lacking."""
        data = self._signed(checkpoint)
        left = checkpoint.size < self.stated or self._store.write_checkpoint(data)
        if (
            not left and self._opened(self._store.read_checkpoint()) is None
        ):  # it states more, and this log never signed it
            self._store.replace_checkpoint(data)
        return data

    def test(self, checkpoint: Checkpoint) -> None:
        """Return when the keys sign: this checkpoint, once more and for nobody.

        Raises:
            LakzegelError: what they signed does not hold.
        """
        open_checkpoint(self._signed(checkpoint), self._signer.keys)

    def _signed(self, checkpoint: Checkpoint) -> bytes:
        now = int(self._clock())
        return sign_checkpoint(checkpoint, self._signer.ed25519, self._signer.mldsa, now=now)
