# SPDX-License-Identifier: EUPL-1.2
"""What a store calls a person, in one spelling: a number, an address, or an id of the service's.

A spelling too few costs an exclusion; one too many would exclude another's chat. So a number
without its country stays an id. docs/spec/conversations.md
"""

import re
from typing import Final

MAX_PEOPLE: Final = 5_000  # of one conversation; where there are more, they count as unknown
_MARKS: Final = re.compile("[\\s().\u2010\u2011/\u200e\u200f\u202a-\u202e-]+")  # within a number
_NUMBER: Final = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")  # E.164, with its prefix
_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_WHATSAPP: Final = re.compile(r"([1-9][0-9]{6,14})(?:[.:][0-9]{1,5})?@(?:s\.whatsapp\.net|c\.us)")


def person(text: str) -> str:
    """Return ``tel:+31612345678``, ``mailto:bas@test.example`` in small letters, or ``id:…``."""
    number = _NUMBER.fullmatch(_MARKS.sub("", text))
    if number:
        return f"tel:+{number[1]}"
    return f"mailto:{text.lower()}" if _ADDRESS.fullmatch(text) else f"id:{text}"


def whatsapp_person(jid: str) -> str:
    """Return a person of WhatsApp's: by number, or by an id behind which the number is hidden."""
    number = _WHATSAPP.fullmatch(jid)
    return f"tel:+{number[1]}" if number else f"id:{jid}"
