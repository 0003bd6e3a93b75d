# SPDX-License-Identifier: EUPL-1.2
"""Asking one witness about the newest checkpoint, and what that teaches (witness.md §3)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from lakzegel_core.addcheckpoint import AddCheckpoint, open_answer, parse_size
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.note import Note, Signature, parse
from lakzegel_server.cosigners import cosigners
from lakzegel_server.errors import ServerError
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.witnesses import Witness
from lakzegel_server.showing import Shown
from lakzegel_server.witnessing.line import Line, UnreachableError

FIRST_PAUSE: Final = 1.0  # seconds before a witness that failed is asked again; doubles
LONGEST_PAUSE: Final = 300.0
PACE: Final = 0.2  # seconds from one question to the next; a busy log shows many trees meanwhile
TRIES: Final = 3  # questions in one round: the size that the witness knows may have to be learnt
_OWN_LINES: Final = 2  # the log's signatures come first
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How it stands with one witness; times are POSIX seconds."""

    name: str
    url: str
    known: int = 0  # entries of the largest tree of this log that it is known to know
    cosigned: int = 0  # entries of the largest tree that it cosigned for this receiver
    last_success: float | None = None
    failing_since: float | None = None
    failure: str | None = None  # unreachable, status, signature, format, not-extended, ahead, fork
    detail: str = ""


class FailedError(ServerError):
    """A round that ended without a cosignature; ``failure`` is a stable word for why."""

    def __init__(self, failure: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class Asked:
    """One witness; ``work`` is its chore."""

    def __init__(
        self,
        witness: Witness,
        log: LogState,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        sleep: Callable[[float], None],
        suspect: Callable[[str], None],
    ) -> None:
        self._key: VerifierKey = witness.key
        self.id = f"{witness.key.key_id.hex()}"
        self._line = Line(witness.url, witness.ca_file)
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._sleep = sleep
        self._suspect = suspect
        self._old = 0
        self._done = b""  # text of the newest checkpoint that it cosigned
        self._pause = FIRST_PAUSE
        self._due = 0.0
        self._asked_at = -PACE
        self.state = WitnessState(witness.key.name, witness.url)

    def work(self) -> None:
        """Ask about the newest checkpoint, unless that is done, or it failed a moment ago."""
        if not self._log.standing.sealing or self._monotonic() < self._due:
            return
        if self._is_done(self._log.shown):
            return
        self._sleep(max(0.0, self._asked_at + PACE - self._monotonic()))
        self._asked_at = self._monotonic()
        try:
            for _ in range(TRIES):
                shown = self._log.shown
                if self._is_done(shown):
                    return
                line = self._round(shown)
                if line is not None:
                    self._show(shown, line)  # first: one that cannot be stored is asked for again
                    self._succeed(shown)
                    return
        except FailedError as failed:
            self._fail(failed)

    def close(self) -> None:
        """Let the connection go."""
        self._line.close()

    # one round

    def _round(self, shown: Shown) -> Signature | None:
        """The witness's line over the checkpoint; None when this log grew meanwhile.

        Raises:
            FailedError: there is none.
        """
        size = shown.checkpoint.size
        for _ in range(TRIES):
            old = min(self._old, size)
            status, data = self._ask(shown, old)
            if status != HTTPStatus.CONFLICT:
                return self._line_of(shown, status, data)
            self._old = self._learn(data)
            if self._old == old:
                raise FailedError("fork", f"it cosigned another tree of {old} entries")
            if self._old > size:
                self._require_grown()
                return None
        raise FailedError("status", "it names another size each time")

    def _ask(self, shown: Shown, old: int) -> tuple[int, bytes]:
        note = parse(shown.data, max_size=MAX_CHECKPOINT)
        bare = Note(note.text, note.signatures[:_OWN_LINES]).to_bytes()
        proof = tuple(shown.reader.consistency(old))
        try:
            return self._line.ask(AddCheckpoint(old, proof, bare).to_bytes())
        except UnreachableError as error:
            raise FailedError("unreachable", str(error)) from None

    def _line_of(self, shown: Shown, status: int, data: bytes) -> Signature:
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise FailedError("not-extended", f"it knows {self._old} entries that we do not extend")
        if status != HTTPStatus.OK:
            raise FailedError("status", f"it answers {status}")
        try:
            ((line, _),) = open_answer(data, shown.checkpoint, [self._key])
        except LakzegelError as error:
            raise FailedError(error.code, str(error)) from None
        return line

    def _learn(self, data: bytes) -> int:
        try:
            size = parse_size(data)
        except LakzegelError as error:
            raise FailedError("format", str(error)) from None
        self.state = replace(self.state, known=max(self.state.known, size))
        return size

    def _require_grown(self) -> None:
        """Return when this log has what the witness knows, though not when it was asked.

        Raises:
            FailedError: the witness knows more of this log than this log.
        """
        self._log.refresh()
        newest = self._log.shown.checkpoint.size
        if self._old > newest:
            raise FailedError("ahead", f"it knows a log of {self._old} entries, this is {newest}")

    # what follows

    def _fail(self, failed: FailedError) -> None:
        since = self.state.failing_since
        if since is None or failed.failure != self.state.failure:
            _log.warning("witness %s: %s: %s", self.state.name, failed.failure, failed)
        self.state = replace(
            self.state,
            failing_since=self._clock() if since is None else since,
            failure=failed.failure,
            detail=str(failed),
        )
        if failed.failure in {"ahead", "fork", "not-extended"}:
            _log.error("witness %s knows another log than this one: %s", self.state.name, failed)
            self._suspect(f"witness {self.state.name}: {failed}")
        self._due = self._monotonic() + self._pause * (0.5 + self._jitter())
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _succeed(self, shown: Shown) -> None:
        if self.state.failing_since is not None:
            _log.info("witness %s cosigns again", self.state.name)
        size = shown.checkpoint.size
        self._old, self._pause = size, FIRST_PAUSE
        self._done = shown.checkpoint.to_text()
        self.state = replace(
            self.state,
            known=max(self.state.known, size),
            cosigned=max(self.state.cosigned, size),
            last_success=self._clock(),
            failing_since=None,
            failure=None,
            detail="",
        )

    def _show(self, shown: Shown, line: Signature) -> None:
        """Serve the line with the checkpoint, when that is still the newest."""
        with self._log.looking() as custody:
            named = (line.name, line.key_id) in cosigners(custody)
        if named:  # nobody counts the line of one whom the log does not name
            self._log.add_witness(shown.checkpoint, [line])

    def _is_done(self, shown: Shown) -> bool:
        """Whether it cosigned this: just now, before a restart, or by itself."""
        if not shown.data or shown.checkpoint.to_text() == self._done:
            return True
        lines = parse(shown.data, max_size=MAX_CHECKPOINT).signatures
        if not any((s.name, s.key_id) == (self._key.name, self._key.key_id) for s in lines):
            return False
        size = shown.checkpoint.size
        self._old, self._done = size, shown.checkpoint.to_text()
        known, cosigned = max(self.state.known, size), max(self.state.cosigned, size)
        self.state = replace(self.state, known=known, cosigned=cosigned)
        return True
