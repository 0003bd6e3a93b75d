# SPDX-License-Identifier: EUPL-1.2
"""How long one mail takes to open: from its sealed segment to what a page shows of it.

Mails from anywhere in a mirror, so that most are in a batch that is not open yet: its keyring is
opened, the manifest proven, the item decrypted and proven, the mail taken apart, its HTML cleaned.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Final

from bench.timing import Page, Time
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import unlock
from lakzegel_office.review import hypertext

AIM: Final = 50.0  # ms of processor time, the 99th of a hundred
MAILS: Final = 500
_MS: Final = 1_000


def opened(home: Path, passphrase: Path) -> Page:
    """Return how long mails of an office took to open; its index is made first."""
    office = unlock(
        argparse.Namespace(home=home, passphrase_file=passphrase, as_name=None, staff_vault=None)
    )
    times = []
    with open_collection(office)[0] as collection:
        mails = [unit.id for unit in collection.units(Query(kinds=[UnitKind.MAIL]))]
        random.Random(1).shuffle(mails)
        for mail in mails[:MAILS]:
            cpu, wall = time.thread_time(), time.perf_counter()
            body = collection.body(mail)
            hypertext.document(body.html, lambda _: None, left_out="", lang="nl")
            spent = _MS * (time.thread_time() - cpu), _MS * (time.perf_counter() - wall)
            times.append(Time("", *spent))
    return Page("opening one mail", times)
