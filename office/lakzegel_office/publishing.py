# SPDX-License-Identifier: EUPL-1.2
"""What the office hands out after a pull: its cosignatures and its held statement.

Witness: this log only grew. Mirror: and every batch that it names lies here. Held: and everything
below that size was opened. Each is sent first and kept in the mirror after, so that what lies
there was handed out.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from lakzegel_core import limits, note
from lakzegel_core.checkpoint import SignedCheckpoint, open_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.errors import LakzegelError, MissingSignatureError
from lakzegel_core.held import Held, sign_held
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.note import Signature
from lakzegel_core.quorum import Quorum, require_quorum
from lakzegel_office import durable
from lakzegel_office.checkpoints import normal, office_cosigners
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import RefusedError, UnreachableError
from lakzegel_office.holding import Misfit, held_size, read_held
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay, quorums_of
from lakzegel_office.transport import Receiver
from lakzegel_office.vault import Vault
from lakzegel_office.witness.cosigning import Witness
from lakzegel_office.witness.state import Signed, State

QUORUM_TRIES: Final = 3  # times that the served checkpoint is looked at again for witnesses' lines
QUORUM_PAUSE: Final = 0.3  # seconds before each; a witness answers in less


class Publisher:
    """Signs and sends for one office."""

    def __init__(
        self,
        config: Config,
        vault: Vault,
        receiver: Receiver,
        mirror: Mirror,
        state: State,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the keys and the parties; ``state`` is the witness's."""
        self._sleep = sleep
        self._state = state
        self._config = config
        self._vault = vault
        self._receiver = receiver
        self._mirror = mirror

    def publish(
        self,
        signed: SignedCheckpoint,
        replay: Replay,
        holes: Sequence[int],
        found: Sequence[Misfit],
        doubts: list[Doubt],
    ) -> int:
        """Hand out what may be stated; return the size that is held.

        What the receiver refuses is added to `doubts`.
        """
        names = ("witness",) if holes else ("witness", "mirror")
        self._cosign(signed, names, replay, doubts)
        return self._state_held(replay, held_size(replay, holes, found), doubts)

    def _cosign(
        self,
        signed: SignedCheckpoint,
        names: Sequence[str],
        replay: Replay,
        doubts: list[Doubt],
    ) -> None:
        checkpoint = signed.checkpoint
        known = self._known_cosigners(replay)
        mirrored = read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT)
        kept = _merged(normal(mirrored, self._config.log, known), signed.data, self._config, known)
        bare = normal(signed.data, self._config.log, ())
        for name in names:
            if _has_line(kept, self._config.keys[name]):
                continue
            key = self._vault.signer(name, self._config.keys[name])
            if name == "witness":
                line = self._as_witness(key, Signed(checkpoint, bare), replay)
                if line is None:
                    continue
            else:
                line = cosign(checkpoint, key, now=_now())
            try:
                self._receiver.send_cosignature(add_cosignature(bare, line))
            except RefusedError as error:
                what = f"the receiver refuses this office's {name}: {error}"
                doubts.append(Doubt("mirror/log/checkpoint", what, "refused"))
                continue
            kept = add_cosignature(kept, line)
        kept = normal(self._with_quorum(kept, replay, known), self._config.log, known)
        if kept != mirrored:
            durable.write_file(self._mirror.checkpoint, kept)

    def _with_quorum(self, kept: bytes, replay: Replay, known: Sequence[VerifierKey]) -> bytes:
        """Return the checkpoint with the lines of witnesses who were asked a moment ago.

        The receiver asks them when it has shown a tree, and this pull may have been quicker.
        """
        quorums = list(quorums_of(replay))
        for _ in range(QUORUM_TRIES):
            if _is_met(kept, self._config, quorums):
                break
            self._sleep(QUORUM_PAUSE)
            try:
                served = self._receiver.checkpoint()
                if _text(served) != _text(kept):
                    break  # the log grew; the next pull has its lines
                kept = _merged(kept, served, self._config, known)
            except (LakzegelError, UnreachableError):
                break  # the next pull says what is wrong
        return kept

    def _as_witness(self, key: SigningKey, signed: Signed, replay: Replay) -> Signature | None:
        """Return the witness's line; None when it cosigned a larger tree meanwhile."""
        return Witness(key, self._state, clock=_now).cosign_mirrored(signed, replay.root)

    def _known_cosigners(self, replay: Replay) -> list[VerifierKey]:
        named = [key for quorum in quorums_of(replay) for key in quorum.witnesses]
        return list(dict.fromkeys((*office_cosigners(self._config), *named)))

    def _state_held(self, replay: Replay, size: int, doubts: list[Doubt]) -> int:
        before = read_held(self._mirror, self._config)
        if before is not None and size <= before.size:
            if size < before.size:
                what = f"what is held ends at {size}; {before.size} was stated before"
                doubts.append(Doubt("mirror/held", what, "held-shrank"))
            return before.size
        if size == 0:
            return 0
        now = datetime.now(UTC).replace(microsecond=0)
        held = Held(self._config.origin, size, replay.root(size), now)
        signed = sign_held(held, self._vault.signer("held", self._config.keys["held"]))
        try:
            self._receiver.send_held(signed)
        except RefusedError as error:
            doubts.append(Doubt("mirror/held", f"the receiver refuses it: {error}", "refused"))
            return before.size if before is not None else 0
        durable.write_file(self._mirror.held, signed)
        return size


def _merged(mirrored: bytes, served: bytes, config: Config, known: Sequence[VerifierKey]) -> bytes:
    """Return the mirrored checkpoint with the cosigners' lines that came in since.

    This office's own are among them: its server cosigns beside its pulls.
    """
    result = mirrored
    fresh = normal(served, config.log, known)
    for line in note.parse(fresh, max_size=limits.MAX_CHECKPOINT).signatures[2:]:
        result = add_cosignature(result, line)
    return result


def _text(data: bytes) -> bytes:
    return note.parse(data, max_size=limits.MAX_CHECKPOINT).text


def _is_met(data: bytes, config: Config, quorums: Sequence[Quorum]) -> bool:
    """Tell whether a checkpoint has the cosigners that the policies in force demand."""
    try:
        for quorum in quorums:
            signed = open_checkpoint(data, config.log, witnesses=quorum.witnesses)
            require_quorum(signed, quorum)
    except MissingSignatureError:
        return False
    return True


def _now() -> int:
    """Return POSIX seconds."""
    return int(datetime.now(UTC).timestamp())


def _has_line(data: bytes, key: VerifierKey) -> bool:
    lines = note.parse(data, max_size=limits.MAX_CHECKPOINT).signatures
    return any((line.name, line.key_id) == (key.name, key.key_id) for line in lines)
