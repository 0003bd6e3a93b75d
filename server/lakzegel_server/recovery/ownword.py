# SPDX-License-Identifier: EUPL-1.2
"""What this log has signed, against what DATA has: neither may be less than the other.

A signed checkpoint is a promise. One that DATA's log does not begin with is a fork when it is no
larger; when it is larger, DATA was set back, and nothing may be sealed until it has caught up.
docs/spec/recovery.md §2, §5.
"""

from __future__ import annotations

from lakzegel_core.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint, peek_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_server.errors import DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery import evidence
from lakzegel_server.recovery.following import ForkFoundError, proven_root
from lakzegel_server.stores import names


class OwnWord:
    """The checkpoints that one log is known to have signed."""

    def __init__(self, layout: Layout, log: LogState) -> None:
        self._layout = layout
        self._log = log

    def recall(self) -> None:
        """Count what was signed and lies in DATA as signed."""
        self._log.stated = max(self._log.stated, self._kept())

    def has(self, tree: Checkpoint) -> bool:
        """Whether DATA's log begins with this tree.

        Raises:
            DamageError: its tiles do not tell.
        """
        if tree.size <= self._log.shown.checkpoint.size:
            if self._log.root(tree.size) == tree.root:
                return True  # as nearly always; only what would be a fork has to be proven
        elif tree.size > self._log.edge().size:
            return False
        return proven_root(self._log, tree.size) == tree.root

    def news(self, data: bytes) -> SignedCheckpoint | None:
        """The checkpoint that somebody showed, if this log signed it and DATA does not have it.

        Raises:
            DamageError: the tiles do not tell.
        """
        try:
            if self.has(peek_checkpoint(data)):
                return None  # as nearly always: no signature has to be verified to see that
            return open_checkpoint(data, self._log.keys)
        except (LakzegelError, ValueError):
            return None

    def is_beyond(self, tree: Checkpoint) -> bool:
        """Whether a tree is more than is known to be signed, or is kept nowhere yet."""
        return tree.size > self._log.stated or not self._layout.stores.documents.exists(names.AHEAD)

    def keep_beyond(self) -> None:
        """Keep a signed checkpoint beyond DATA's tree until DATA has that very tree.

        Raises:
            OSError: it cannot be kept.
        """
        if self._log.stated > max(self._log.edge().size, self._kept()):
            data = self._log.word
            if data is not None:
                evidence.keep_ahead(self._layout, data)

    def require_kept(self) -> None:
        """Return when DATA has every tree that this log is known to have signed.

        Raises:
            ForkFoundError: this log showed another tree than the one that DATA has now.
        """
        word = evidence.ahead(self._layout, self._log.keys)
        if word is not None and not self.has(word.checkpoint):
            raise ForkFoundError(word)

    def require_newest(self) -> None:
        """Return when nothing in DATA says that there was more, where nobody can be asked.

        Raises:
            DamageError: DATA was set back.
        """
        stated, here = self._log.stated, self._log.edge().size
        if self._layout.stores.documents.exists(names.RESTORED):
            raise DamageError(
                f"{self._layout.restored}: DATA was restored from a backup, and nobody is named who"
                " could tell what was sealed since; name the office in settings.toml, or take that"
                " file away if you know that it was nothing"
            )
        if stated > here:
            raise DamageError(
                f"log: this log signed {stated} entries, index.sqlite has {here}: it was set back;"
                " restore the newest backup whole, or name the office in settings.toml"
            )

    def _kept(self) -> int:
        return evidence.size_ahead(self._layout, self._log.keys)
