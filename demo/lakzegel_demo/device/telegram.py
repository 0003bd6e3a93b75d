# SPDX-License-Identifier: EUPL-1.2
"""A Telegram Desktop export: one chat in `result.json`, its photos beside it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from lakzegel_demo.device import people
from lakzegel_demo.device.picture import png

MESSAGES: Final = 45
PHOTO_EVERY: Final = 20
CHAT: Final = {"name": "Waterschap afstemming", "type": "private_group", "id": 4021}


def write_export(folder: Path) -> None:
    """Write the export."""
    chance = Random("telegram")
    photos = folder / "photos"
    photos.mkdir()
    messages = [
        _message(chance, number, at, photos)
        for number, at in enumerate(people.moments(chance, MESSAGES), 1)
    ]
    text = json.dumps({**CHAT, "messages": messages}, ensure_ascii=False, indent=1)
    (folder / "result.json").write_text(text, encoding="utf-8", newline="")


def _message(chance: Random, number: int, at: datetime, photos: Path) -> dict[str, Any]:
    who = chance.randrange(len(people.PEOPLE))
    content = people.text(chance, 1 + number % 3)
    made: dict[str, Any] = {
        "id": number,
        "type": "message",
        "date": f"{at:%Y-%m-%dT%H:%M:%S}",
        "date_unixtime": str(int(at.replace(tzinfo=UTC).timestamp())),
        "from": people.PEOPLE[who][0],
        "from_id": f"user{7000 + who}",
    }
    if number % PHOTO_EVERY == 0:
        name = f"photo_{number}@{at:%d-%m-%Y_%H-%M-%S}.png"
        (photos / name).write_bytes(png(128, 96, number))
        made |= {"photo": f"photos/{name}", "width": 128, "height": 96}
    return {**made, "text": content, "text_entities": [{"type": "plain", "text": content}]}
