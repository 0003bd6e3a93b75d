# SPDX-License-Identifier: EUPL-1.2
"""What a command asks before it touches a log that may have been set back (spec/recovery.md)."""

from __future__ import annotations

from lakzegel_server.errors import ConfigError, ReadOnlyError
from lakzegel_server.index.opening import is_made
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery import evidence
from lakzegel_server.recovery.asked import OFFICE, Round, ask_witnesses, is_enough
from lakzegel_server.recovery.asking import NoAnswerError
from lakzegel_server.recovery.following import ForkFoundError, compare
from lakzegel_server.recovery.sources import Office
from lakzegel_server.recovery.witnesses import witnesses_of
from lakzegel_server.settings import Settings
from lakzegel_server.stores import names


def require_index(layout: Layout, settings: Settings) -> None:
    """Return when DATA has its index, or the office can give it back.

    Raises:
        ConfigError: the log's keys are there and its index is not: to begin anew would be a fork.
    """
    if settings.office is None and not is_made(layout.database):
        raise ConfigError(
            f"{layout.database}: is gone; restore a backup, or name the office in settings.toml"
        )


def require_newest(layout: Layout, log: LogState, settings: Settings) -> None:
    """Return when nobody knows a larger log than this one.

    Raises:
        ReadOnlyError: somebody does, or those who must be asked do not answer.
    """
    witnesses = witnesses_of(settings)
    if evidence.is_kept(layout):
        raise ReadOnlyError("this log forked; nothing is sealed by it any more")
    found = Round()
    if settings.office is not None:
        _ask_office(found, log, settings)
    ask_witnesses(found, log, witnesses)
    known, who = max(
        found.largest,
        (log.stated, "the checkpoint in DATA/log"),
        (evidence.size_ahead(layout, log.keys), "the checkpoint in DATA/ahead"),
    )
    if known > log.edge().size:
        raise ReadOnlyError(
            f"{who} knows a log of {known} entries, this one has {log.edge().size};"
            " start 'serve', which catches up"
        )
    asked = settings.office is not None or bool(witnesses)
    if not asked and layout.stores.documents.exists(names.RESTORED):
        raise ReadOnlyError(
            f"{layout.restored}: DATA was restored from a backup, and nobody is named who could"
            " tell what was sealed since; name the office in settings.toml"
        )
    with log.looking() as custody:
        if asked and not is_enough(found, custody, witnesses, office=settings.office is not None):
            silent = ", ".join(sorted(found.silent))
            raise ReadOnlyError(f"no answer from {silent}: this may not be the newest log")


def _ask_office(found: Round, log: LogState, settings: Settings) -> None:
    assert settings.office is not None  # noqa: S101 - the caller looked
    try:
        with Office.open(settings.office, log.keys) as office:
            signed = office.newest()
            found.office = True
            if signed is not None:
                found.sizes[OFFICE] = signed.checkpoint.size
                compare(log, office, signed)
    except NoAnswerError as error:
        found.office, found.silent[OFFICE] = False, str(error)
    except ForkFoundError as fork:
        raise ReadOnlyError(f"the office has {fork}: start 'serve', which keeps both") from None
