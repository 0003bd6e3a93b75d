# SPDX-License-Identifier: EUPL-1.2
"""The device's mail: a Maildir as a mail server keeps it, and an mbox of last year."""

import os
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Final

from lakzegel_demo.device import people
from lakzegel_demo.device.picture import pdf, png

MAILS: Final = 36
ARCHIVED: Final = 24
FOLDERS: Final = ("", ".Verzonden", ".Dossiers.Kustfonds", ".Archief &- oud")
UNUSUAL: Final = (
    b"1764000001.M1P1.minister laptop,S=812:2,S",  # a space
    b"1764000002.M2P1.caf\xe9,S=900:2,",  # Latin-1, no UTF-8
    b"1764000003.M3P1.regel\nafbreking:2,RS",  # a newline
    b"1764000004.M4P1." + b"x" * 230 + b":2,S",  # almost as long as a name can be
)


def message(chance: Random, number: int, at: datetime) -> bytes:
    """Return one mail with its lines ended as on the wire; every third has an attachment."""
    sender, receiver = chance.choice(people.PEOPLE), people.MINISTER
    if number % 4 == 0:
        sender, receiver = receiver, sender
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(sender[0], addr_spec=sender[1])
    mail["To"] = Address(receiver[0], addr_spec=receiver[1])
    mail["Date"] = format_datetime(at.replace(tzinfo=UTC))
    mail["Message-ID"] = f"<{number}.{at:%Y%m%d%H%M%S}@minxyz.example>"
    mail["Subject"] = f"{chance.choice(people.SUBJECTS)} ({number})"
    body = f"Beste {receiver[0].split()[0]},\n\n{people.text(chance, 4 + number % 9)}\n\n"
    mail.set_content(f"{body}From nu af graag per mail.\n\nGroet,\n{sender[0]}\n")
    if number % 3 == 0:
        name = f"Notitie {number} - concept é.pdf"
        document = pdf(f"Notitie {number}: {chance.choice(people.SENTENCES)}")
        mail.add_attachment(document, maintype="application", subtype="pdf", filename=name)
    if number % 8 == 0:
        mail.add_attachment(
            png(96, 64, number), maintype="image", subtype="png", filename="foto.png"
        )
    # A boundary that is drawn by chance would differ from run to run.
    if mail.is_multipart():
        mail.set_boundary(f"=_lakzegel_demo_{number}")
    return mail.as_bytes()


def write_maildir(folder: Path) -> None:
    """Write a Maildir with folders, flags, an index that is no mail, and unusual file names."""
    chance = Random("maildir")
    for name in FOLDERS:
        for part in ("cur", "new", "tmp"):
            (folder / name / part).mkdir(parents=True)
    for number, at in enumerate(people.moments(chance, MAILS), 1):
        data = message(chance, number, at)
        box = folder / chance.choice(FOLDERS)
        stamp = f"{int(at.replace(tzinfo=UTC).timestamp())}.M{number}P41.laptop"
        new = number > MAILS - 5
        path = box / "new" / stamp if new else box / "cur" / f"{stamp},S={len(data)}:2,S"
        path.write_bytes(data)
    for number, unusual in enumerate(UNUSUAL, MAILS + 1):
        (folder / "cur" / os.fsdecode(unusual)).write_bytes(message(chance, number, people.BEGIN))
    (folder / "dovecot-uidlist").write_text("3 V1764000000 N41 Glakzegeldemo\n")


def write_mbox(folder: Path) -> None:
    """Write an mbox in the form that quotes body lines that begin with From."""
    chance = Random("mbox")
    with (folder / "Archief 2025.mbox").open("wb") as box:
        for number, at in enumerate(people.moments(chance, ARCHIVED), 1001):
            data = message(chance, number, at).replace(b"\r\n", b"\n")
            quoted = data.replace(b"\nFrom ", b"\n>From ")
            box.write(f"From MAILER-DAEMON {at:%a %b %d %H:%M:%S %Y}\n".encode())
            box.write(quoted + b"\n")
