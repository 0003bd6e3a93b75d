# SPDX-License-Identifier: EUPL-1.2
"""Every mail client and chat app on this device has a source, or is covered by other means.

    there, a source has to do with it      compliant
    `[[elsewhere]]` holds                  compliant, by whom and until when
    `[[elsewhere]]` is over                drifted, attestation-over
    neither                                drifted, no-source or installed-only

docs/spec/settings-guarded.md, apps-covered
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    UNREADABLE,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.readinessapps import known_apps, present_apps, will_be_covered
from lakzegel_agent.readinessinstalled import installed_apps
from lakzegel_core.agreements import Elsewhere
from lakzegel_core.encoding import JsonValue, format_time

NO_SOURCE: Final = "no-source"
INSTALLED_ONLY: Final = "installed-only"
ATTESTATION_OVER: Final = "attestation-over"
APP_UNKNOWN: Final = "app-unknown"


class AppsCovered(ReportingGuard):
    """A reading an app that is there, and one for each attestation of an app nobody knows."""

    declaration: ClassVar[Declaration] = Declaration(
        "apps-covered",
        (2, 12),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset({NO_SOURCE, INSTALLED_ONLY, ATTESTATION_OVER, APP_UNKNOWN}),
        cannot="apps that the agent's table does not name, and apps in a browser; on Windows apps"
        " of the Store that were installed and never started",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how each app fares."""
        home = os.fsencode(surroundings.home)
        attested = {one.app: one for one in surroundings.policy.elsewhere}
        present = present_apps(home, [os.fsencode(one.root) for one in surroundings.sources])
        for app, covered in present.items():
            yield _reading(surroundings, app, NO_SOURCE, attested.get(app), covered=covered)
        try:
            where = surroundings.system, surroundings.home, surroundings.platform
            installed = installed_apps(*where, surroundings.places.get("registry"))
        except PlaceError as error:
            yield Reading("", State.UNKNOWN, error.reason)
        except OSError:
            yield Reading("", State.UNKNOWN, UNREADABLE)
        else:
            listed = [os.fsencode(one.root) for one in surroundings.listed]
            for app in sorted(installed - present.keys()):
                covered = will_be_covered(app, home, listed)
                yield _reading(
                    surroundings, app, INSTALLED_ONLY, attested.get(app), covered=covered
                )
        yield from _unknown(attested)


def _reading(
    surroundings: Surroundings, app: str, reason: str, said: Elsewhere | None, *, covered: bool
) -> Reading:
    value: dict[str, JsonValue] = {"source": covered, "started": reason != INSTALLED_ONLY}
    if covered:
        return Reading(app, State.COMPLIANT, "", value)
    if said is None:
        return Reading(app, State.DRIFTED, reason, value)
    value |= {
        "attested_by": said.attested_by,
        "until": format_time(said.until),
        "why": said.why,
    }
    if surroundings.now < said.until:
        return Reading(app, State.COMPLIANT, "", value)
    return Reading(app, State.DRIFTED, ATTESTATION_OVER, value, since=said.until)


def _unknown(attested: dict[str, Elsewhere]) -> Iterator[Reading]:
    """Yield what the policy says of apps that no table of this agent has: it may be a slip."""
    for app in sorted(attested.keys() - known_apps()):
        yield Reading(app, State.UNKNOWN, APP_UNKNOWN)


GUARD: Final[Guard] = AppsCovered()
