# SPDX-License-Identifier: EUPL-1.2
"""Which devices said that a read-out is overdue, and have not made it good since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakzegel_core.encoding import b64
from lakzegel_office.index import IndexedItem, IndexStore
from lakzegel_office.replay import Replay

_NAME: Final = "overdue"  # below state/; may be thrown away


class Overdue:
    """Folds statements as batches come in; each batch is read once."""

    def __init__(self, store: IndexStore) -> None:
        """Keep the index that pulls write."""
        self._store = store
        self._read = 0
        self._due: dict[tuple[str, str], str] = {}

    @property
    def since(self) -> Mapping[str, str]:
        """Since when, by device; of several sources the earliest."""
        found: dict[str, str] = {}
        for (device, _), due in sorted(self._due.items()):
            found[device] = min(due, found.get(device, due))
        return found

    def read(self, replay: Replay) -> None:
        """Read the batches that are new; one that is not opened yet is waited for."""
        if self._read == 0:
            self._resume(replay)
        before = self._read
        for record in replay.accepted.since(self._read):
            lines = self._store.read(record.batch_id)
            if lines is None:
                break
            for line in lines:
                self._take(record.header.device, line)
            self._read = record.index + 1
        if self._read != before:
            self._keep(replay)

    def _resume(self, replay: Replay) -> None:
        """Go on from where an earlier process came, in this very log."""
        kept = self._store.kept(_NAME)
        try:
            size, due = int(kept["size"]), kept["due"]
            if 0 < size <= replay.size and b64(replay.root(size)) == kept["root"]:
                self._due = {(str(d), str(s)): str(since) for d, s, since in due}
                self._read = size
        except (TypeError, ValueError, KeyError):
            return

    def _keep(self, replay: Replay) -> None:
        due = [[*key, since] for key, since in self._due.items()]
        root = b64(replay.root(self._read))
        self._store.keep(_NAME, {"due": due, "root": root, "size": self._read})

    def _take(self, device: str, line: IndexedItem) -> None:
        payload = line.payload
        if line.kind != "observation" or payload is None:
            return
        key = (device, line.source)
        if payload.get("type") == "readout-overdue":
            self._due[key] = str(payload.get("due"))
        elif _is_whole(payload) and str(payload.get("backup")) >= self._due.get(key, ""):
            self._due.pop(key, None)


def _is_whole(payload: Mapping[str, Any]) -> bool:
    return payload.get("type") == "readout" and payload.get("complete") is True
