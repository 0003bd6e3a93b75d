# SPDX-License-Identifier: EUPL-1.2
"""Cosigning, for whoever asks and for a pull: decided, made durable and signed in one turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from lakzegel_core.addcheckpoint import Submission, open_request, verify_extends
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import cosign
from lakzegel_core.errors import ConsistencyError, OldSizeError
from lakzegel_core.keys import SigningKey
from lakzegel_core.note import Signature
from lakzegel_office.errors import ForkedError
from lakzegel_office.witness.state import Signed, State

RootAt = Callable[[int], bytes | None]  # of the mirrored log; None where it does not reach
_log: Final = logging.getLogger(__name__)


class Witness:
    """One witness key and the state that goes with it."""

    def __init__(self, key: SigningKey, state: State, *, clock: Callable[[], float]) -> None:
        """Keep the parties."""
        self._key = key
        self._state = state
        self._clock = clock

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._key.verifier.name

    def add(self, data: bytes, *, root_at: RootAt = lambda _: None) -> bytes:
        """Return the cosignature line over a submitted checkpoint; what it says is durable.

        Raises:
            LakzegelError: it may not be cosigned (docs/spec/witness.md §1).
            DoubtError: the state cannot be read.
        """
        submission = open_request(data, self._state.logs)
        signed = Signed(submission.checkpoint, submission.data)
        with self._state.turn():
            newest = self._state.newest(submission.checkpoint.origin)
            try:
                verify_extends(submission, newest.checkpoint if newest else None)
            except (ConsistencyError, OldSizeError) as refusal:
                if isinstance(refusal, ConsistencyError) or _forked(submission, newest, root_at):
                    self._keep_evidence(signed)
                raise
            return self._cosign(signed).to_line().encode()

    def cosign_mirrored(self, signed: Signed, root_at: Callable[[int], bytes]) -> Signature | None:
        """Return the cosignature of a tree that was mirrored; None when a larger one was cosigned.

        ``root_at`` tells the roots that this tree had at smaller sizes.

        Raises:
            ForkedError: another log was cosigned; the evidence is kept.
            DoubtError: the state cannot be read.
        """
        tree = signed.checkpoint
        with self._state.turn():
            cosigned = self._state.cosigned(tree.origin)
            if cosigned is not None and cosigned.checkpoint.size > tree.size:
                return None
            if (
                cosigned is not None
                and root_at(cosigned.checkpoint.size) != cosigned.checkpoint.root
            ):
                kept = self._state.keep_evidence(cosigned)
                raise ForkedError(
                    f"fork: this office cosigned a log of {cosigned.checkpoint.size} entries that "
                    f"the mirrored one does not extend; kept as {kept}"
                )
            return self._cosign(signed)

    def _cosign(self, signed: Signed) -> Signature:
        """Within a turn: durable first, signed after."""
        cosigned = self._state.cosigned(signed.checkpoint.origin)
        if cosigned is None or cosigned.checkpoint != signed.checkpoint:
            self._state.keep(signed)
        return cosign(signed.checkpoint, self._key, now=int(self._clock()))

    def _keep_evidence(self, signed: Signed) -> None:
        kept = self._state.keep_evidence(signed)
        _log.error(
            "refused: a signed checkpoint of another log than was cosigned; kept as %s", kept
        )


def _forked(submission: Submission, newest: Signed | None, root_at: RootAt) -> bool:
    """Tell whether the submitted tree is another one than was known at its size."""
    tree = submission.checkpoint
    known: Checkpoint | None = newest.checkpoint if newest else None
    if known is not None and known.size == tree.size:
        return known.root != tree.root
    return root_at(tree.size) not in {None, tree.root}
