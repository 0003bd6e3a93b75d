# SPDX-License-Identifier: EUPL-1.2
"""Domains at which people have mail of their own: a short list of ours, for the Netherlands.

It counts, and accuses nobody: that a citizen writes from one of these is how it should be.
docs/spec/settings-guarded.md
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = frozenset(
    """
    aol.com caiway.nl casema.nl chello.nl fastmail.com gmail.com googlemail.com hccnet.nl hetnet.nl
    hey.com home.nl hotmail.com icloud.com kabelfoon.nl kpnmail.nl kpnplanet.nl mac.com mail.com
    me.com msn.com multiweb.nl mailbox.org onsbrabantnet.nl online.nl outlook.com planet.nl
    posteo.net proton.me protonmail.ch protonmail.com pm.me quicknet.nl rocketmail.com
    solcon.nl telfort.nl tele2.nl tutanota.com tuta.com upcmail.nl versatel.nl wanadoo.nl wxs.nl
    xs4all.nl yandex.com ymail.com zeelandnet.nl ziggo.nl zonnet.nl
    """.split()  # noqa: SIM905 - to be read
)
_FAMILIES: Final = re.compile(  # one provider, a domain a country
    r"(?:gmx|hotmail|live|outlook|yahoo)\.(?:[a-z]{2}|com|net|org|co\.[a-z]{2}|com\.[a-z]{2})"
)


def is_private(domain: str) -> bool:
    """Return whether people have mail of their own at this domain, in lower case."""
    return domain in _NAMES or _FAMILIES.fullmatch(domain) is not None


def is_private_host(host: str) -> bool:
    """Return whether a mail server's name is a private provider's, as ``imap.ziggo.nl``."""
    labels = host.lower().rstrip(".").split(".")
    return any(is_private(".".join(labels[at:])) for at in range(len(labels) - 1))
