# SPDX-License-Identifier: EUPL-1.2
"""What is one person's that should be two persons', said openly; docs/spec/office-keys.md §2."""

from collections.abc import Iterator, Sequence

from lakzegel_core.keys import VerifierKey
from lakzegel_office.config import POLICY_KEYS, Config
from lakzegel_office.home import Home
from lakzegel_office.keys.delegations import FEWEST, prepared
from lakzegel_office.vault import MASTER


def standing(
    home: Home, config: Config, in_force: Sequence[VerifierKey] | None = None
) -> Iterator[str]:
    """Yield a line for each rule of two persons that the keys here do not uphold.

    Args:
        home: where the keys lie; none is opened.
        config: who works here.
        in_force: the approval keys in force; None takes those of the newest delegation made here.
    """
    if (home.keys / f"{MASTER}.age").exists():
        yield "one passphrase opens every key of the office: whoever knows it is all of them"
    if in_force is None:
        made = prepared(home)
        in_force = made[-1][1].approval if made else ()
    shared = [key for key in in_force if config.people.holder(key) is None]
    persons = {
        p.name for p in map(config.people.holder, in_force) if p is not None and p.works_here
    }
    if len(persons) < FEWEST:
        yield (
            f"approvals are not two persons': {len(shared)} of {len(in_force)} approval keys"
            " are the office's own"
        )
    elif shared:
        yield f"{len(shared)} approval keys are the office's own, beside {len(persons)} persons'"
    holder = config.people.holder(config.keys[POLICY_KEYS[1]])
    if holder is not None and not holder.works_here:
        yield f"no policy can be signed: {holder.name}, who left, has the privacy officer's key"
    if holder is None:
        yield "both signatures under a policy are one person's: no privacy officer has a key"
