# SPDX-License-Identifier: EUPL-1.2
"""One round of questions: who knows of which tree, and whether enough of them answered.

docs/spec/recovery.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lakzegel_core.checkpoint import SignedCheckpoint
from lakzegel_core.custody import Custody
from lakzegel_core.keys import VerifierKey
from lakzegel_core.quorum import Quorum
from lakzegel_server.cosigners import quorums
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.asking import NoAnswerError
from lakzegel_server.recovery.sources import ask_witness
from lakzegel_server.recovery.witnesses import Witness
from lakzegel_server.witnessing.line import Line, UnreachableError

OFFICE = "the office"


@dataclass(slots=True)
class Round:
    """What was answered."""

    office: bool = False  # it answered
    signed: SignedCheckpoint | None = None  # the office's newest checkpoint, if it has one
    sizes: dict[str, int] = field(default_factory=dict)  # by who named them
    keys: list[VerifierKey] = field(default_factory=list)  # of witnesses that answered
    silent: dict[str, str] = field(default_factory=dict)  # who did not, and why

    @property
    def largest(self) -> tuple[int, str]:
        """The largest size that was named, and by whom."""
        return max(((size, name) for name, size in self.sizes.items()), default=(0, ""))


def ask_witnesses(found: Round, log: LogState, witnesses: Sequence[Witness]) -> None:
    """Ask all of them about our newest checkpoint; what they say is added to the round.

    All at a time, each with a deadline: one that hangs holds up a start by that, and no more.
    """
    if not witnesses:
        return
    shown = log.shown

    def ask(witness: Witness) -> int | str:
        line = Line(witness.url, witness.ca_file)
        try:
            return ask_witness(line, witness.url, shown.checkpoint.size, shown.data)
        except (NoAnswerError, UnreachableError) as error:
            return str(error)
        finally:
            line.close()

    with ThreadPoolExecutor(len(witnesses)) as pool:
        answers = list(pool.map(ask, witnesses))
    for witness, answer in zip(witnesses, answers, strict=True):
        name = f"witness {witness.key.name}"
        if isinstance(answer, str):
            found.silent[name] = answer
        else:
            found.sizes[name] = answer
            found.keys.append(witness.key)


def is_enough(
    found: Round, custody: Custody, witnesses: Sequence[Witness], *, office: bool
) -> bool:
    """Whether every quorum that may have been met includes one who answered."""
    if office and not found.office:
        return False
    if not office and not found.keys:
        return False
    answered = {key.public for key in (*found.keys, *_office_keys(found, custody))}
    askable = {witness.key.public for witness in witnesses} | answered
    return all(
        len({k.public for k in quorum.witnesses} & answered) >= _needed(quorum, askable)
        for quorum in quorums(custody)
    )


def _needed(quorum: Quorum, askable: set[bytes]) -> int:
    most = len({key.public for key in quorum.witnesses} & askable)
    return min(len(quorum.witnesses) - quorum.threshold + 1, most)


def _office_keys(found: Round, custody: Custody) -> tuple[VerifierKey, ...]:
    if not found.office or custody.delegation is None:
        return ()
    current = custody.delegation.delegation
    return current.witness, current.mirror
