# SPDX-License-Identifier: EUPL-1.2
"""Which mails belong together: References and In-Reply-To, never the subject.

A thread is named by the oldest mail that it is known to answer to. One that was begun by answers to
a mail joins the thread of that mail once it is met; no mail can join the threads of others.
docs/spec/collection.md §2.3
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_office.collection.ids import Names, clean
from lakzegel_office.collection.parsers.mail import APP
from lakzegel_office.collection.writing import FileRow, Writer

_ANSWER: Final = re.compile(
    r"(?i)\A(?:\s*(?:re|antw|aw|fwd?|doorst|betr|vs|sv)\s*(?:\[\d+\])?:)+\s*"
)
_TITLE: Final = 512  # characters


@dataclass(slots=True)
class Threads:
    """Finds and joins the threads of one index."""

    writer: Writer
    names: Names

    def of(self, file: FileRow, references: Sequence[str], subject: str, unit: str) -> int:
        """Return the thread of a mail; `references` end with its own id, or nothing."""
        ids = [one for one in references if one] or [f"unit:{unit}"]
        known = (self._known(file.scope, one) for one in ids)
        thread = next(filter(None, known), None) or self._new(file, ids[0], subject)
        own = self._known(file.scope, ids[-1]) if references[-1:] == tuple(ids[-1:]) else None
        if own is not None and own != thread and self._is_named(own, file.scope, ids[-1]):
            self._join(thread, own)
        self.writer.db.executemany(
            "INSERT OR IGNORE INTO reply VALUES (?, ?, ?)",
            [(file.scope, clean(one), thread) for one in ids],
        )
        return thread

    def _is_named(self, thread: int, scope: str, message: str) -> bool:
        """Whether a thread was begun by answers to this mail, before the mail itself was met."""
        name = self.names.name("conversation", APP, scope, message)
        found = "SELECT 1 FROM conversation WHERE id = ? AND name = ?"
        return self.writer.one(found, (thread, name)) is not None

    def _known(self, scope: str, message: str) -> int | None:
        return self.writer.one(
            "SELECT conversation FROM reply WHERE scope = ? AND message = ?",
            (scope, clean(message)),
        )

    def _new(self, file: FileRow, root: str, subject: str) -> int:
        name = self.names.name("conversation", APP, file.scope, root)
        title = " ".join(_ANSWER.sub("", subject[:_TITLE]).split())
        return self.writer.conversation(name, APP, title, file.custody, keyed=True)

    def _join(self, thread: int, other: int) -> None:
        for table in ("unit", "reply"):
            self.writer.db.execute(
                f"UPDATE {table} SET conversation = ? WHERE conversation = ?",  # noqa: S608  # ours
                (thread, other),
            )
        for table, column in (("within", "file"), ("together", "crowd")):
            self.writer.db.execute(
                f"INSERT OR IGNORE INTO {table} SELECT ?, {column} FROM {table}"  # noqa: S608  # ours
                " WHERE conversation = ?",
                (thread, other),
            )
            self.writer.db.execute(f"DELETE FROM {table} WHERE conversation = ?", (other,))  # noqa: S608  # ours
        self.writer.db.execute("DELETE FROM conversation WHERE id = ?", (other,))
        self.writer.forget()
