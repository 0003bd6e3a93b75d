# SPDX-License-Identifier: EUPL-1.2
"""The policy in force among the other sources of settings (docs/spec/settings.md §1)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lakzegel_agent import policies
from lakzegel_agent.devicekeys import KeyStore
from lakzegel_agent.errors import AgentError
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.liaison import introduction_in_force
from lakzegel_agent.policies import InForce, Reader
from lakzegel_agent.settingsconfig import Config
from lakzegel_core.policy import Policy
from lakzegel_core.shipping import Shipping

if TYPE_CHECKING:
    from lakzegel_agent.settingsschema import Tunable


class Tuner:
    """Tunes policies for one configuration, and remembers the last one: it is asked for often."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._last: tuple[InForce, InForce] | None = None  # set whole: threads share it

    def __call__(self, found: InForce) -> InForce:
        """Return the policy as ``tuned`` has it."""
        last = self._last
        if last is not None and last[0] is found:
            return last[1]
        made = tuned(found, self._config)
        self._last = (found, made)
        return made


def tuned(found: InForce, config: Config) -> InForce:
    """A policy with what MDM says instead, and the device's own word where the policy has none.

    Its note, and so the id that headers name, stays what was signed.
    """
    if not config.is_tuned():  # then the policy's own words, which it was made from, decide
        return found
    said = config.tuned(found.policy.text)
    return replace(found, policy=_with(found.policy, said))


def recalled(config: Config) -> InForce | None:
    """The policy that this device follows, as signed; None when there is none to be read."""
    home = Home(config.home)
    keys = KeyStore(home.keys)
    with suppress(AgentError, OSError):
        if not (home.ledger.exists() and keys.has_ledger_key()):
            return None
        with Ledger.open(home.ledger, keys.ledger_key(random=os.urandom)) as ledger:
            current = introduction_in_force(ledger, keys)
            if current is None:
                return None
            made = current.enrolment
            return policies.recall(ledger, Reader(made.device, made.group, keys.annex_identities()))
    return None


def _with(policy: Policy, said: Tunable) -> Policy:
    batch = policy.batch_limit if said.limits.batch is None else said.limits.batch
    spool = policy.spool_limit if said.limits.spool is None else said.limits.spool
    return replace(
        policy,
        cadence=policy.cadence if said.cadence is None else said.cadence,
        batch_limit=batch,
        spool_limit=max(batch, spool),  # each is well by itself; together one batch must fit
        shipping=_shipping(said),
    )


def _shipping(said: Tunable) -> Shipping:
    given = {name: value for name, value in said.shipping if value is not None}
    return Shipping(**given)
