# SPDX-License-Identifier: EUPL-1.2
"""Two Dutch WhatsApp exports: a folder as Android writes it, and a zip as an iPhone does."""

import zipfile
from pathlib import Path
from random import Random
from typing import Final

from lakzegel_demo.device import people
from lakzegel_demo.device.picture import png

MARK: Final = "\N{LEFT-TO-RIGHT MARK}"
GROUP: Final = "Kustfonds kernteam"
MESSAGES: Final = 60
PICTURE_EVERY: Final = 15
OPENING: Final = "Berichten en oproepen worden end-to-end versleuteld."


def write_exports(folder: Path) -> None:
    """Write the group's export with its pictures, and a zipped one of a single contact."""
    _write_android(folder)
    _write_iphone(folder / "WhatsApp Chat - Fatima El Amrani.zip")


def _write_android(folder: Path) -> None:
    chance = Random("android")
    lines = [f"{people.BEGIN:%d-%m-%Y %H:%M} - {OPENING}"]
    for number, at in enumerate(people.moments(chance, MESSAGES), 1):
        head = f"{at:%d-%m-%Y %H:%M} - {_speaker(chance)}: "
        if number % PICTURE_EVERY == 0:
            name = f"IMG-{at:%Y%m%d}-WA{number:04}.png"
            (folder / name).write_bytes(png(160, 120, number))
            lines += [f"{head}{MARK}{name} (bestand bijgevoegd)", chance.choice(people.SENTENCES)]
        elif number % 11 == 0:
            lines.append(f"{head}Dit bericht is verwijderd")
        else:
            lines.append(head + people.text(chance, 1 + number % 3))
    chat = folder / f"WhatsApp-chat met {GROUP}.txt"
    chat.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def _write_iphone(path: Path) -> None:
    chance = Random("iphone")
    lines = [f"[{people.BEGIN:%d-%m-%Y %H:%M:%S}] Fatima El Amrani: {MARK}{OPENING}"]
    pictures = {}
    for number, at in enumerate(people.moments(chance, MESSAGES // 2), 1):
        speaker = chance.choice((people.MINISTER[0], "Fatima El Amrani"))
        head = f"[{at:%d-%m-%Y, %H:%M:%S}] {speaker}: "
        if number % PICTURE_EVERY == 0:
            name = f"{number:08}-PHOTO-{at:%Y-%m-%d-%H-%M-%S}.png"
            pictures[name] = png(120, 90, number)
            lines.append(f"{MARK}{head}{MARK}<bijgevoegd: {name}>")
        else:
            lines.append(head + people.text(chance, 1 + number % 2))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        text = "\r\n".join(lines) + "\r\n"
        for name, data in {"_chat.txt": text.encode(), **pictures}.items():
            entry = zipfile.ZipInfo(name, people.BEGIN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _speaker(chance: Random) -> str:
    return chance.choice((people.MINISTER, *people.PEOPLE))[0]
