# SPDX-License-Identifier: EUPL-1.2
"""The mirrored log for a command that reads: from where the last pull came, where it can be had.

Not for what verifies (`verify`, a report, a term that is closed) nor for what destroys: these begin
with the first entry and rest on nothing that was remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakzegel_core import tiles
from lakzegel_office.checkpoints import Checkpoints, replay_mirror
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.memory import PULLED, Memory, Sealed, pulled_context
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.places import KEPT, Places
from lakzegel_office.replay import Replay
from lakzegel_office.vault import INDEX

if TYPE_CHECKING:
    from lakzegel_office.commands.common import Office


def replay_home(office: Office) -> Replay:
    """Return the mirrored log, replayed, its root that of the newest checkpoint.

    Raises:
        UsageError: nothing was pulled yet.
        DoubtError: checkpoint or entries do not verify.
    """
    mirror = Mirror(office.home.mirror)
    replay = _resumed(office, mirror) if mirror.checkpoint.exists() else None
    return replay_mirror(mirror, office.config) if replay is None else replay


def _resumed(office: Office, mirror: Mirror) -> Replay | None:
    """Return the log from the last pull's savepoint on; None where there is none that fits."""
    try:
        key = office.vault.load(INDEX)
    except UsageError:  # a person who opens nothing
        return None
    memory = Memory(office.home, office.config, PULLED, Sealed(key, pulled_context(office.config)))
    known = memory.read()
    if known is None:
        return None
    checkpoints = Checkpoints.load(mirror, office.config)
    newest = checkpoints.newest.checkpoint
    places = Places.reading(office.home.state / KEPT) or Places.passing()
    replay = memory.resume(known, checkpoints.signed_at, places)
    if replay is None:
        return None
    replay.roots.anchor(newest.size, newest.root)
    while replay.size < newest.size:
        bundle, start = divmod(replay.size, tiles.WIDTH)
        for entry in read_bundle(mirror, bundle, newest.size)[start:]:
            replay.feed(entry)
    if replay.root(newest.size) != newest.root:
        raise DoubtError("mirror/log: not the log that was signed; run: lakzegel-office verify")
    return replay
