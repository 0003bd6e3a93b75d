# SPDX-License-Identifier: EUPL-1.2
"""The ways that alarms leave by: mail through a relay, and posts to programs; never content."""

from __future__ import annotations

import hashlib
import json
from email.message import EmailMessage
from typing import Final, Protocol

from lakzegel_core.encoding import format_time
from lakzegel_office.alarms.book import OVER, Alarm
from lakzegel_office.alarms.settings import Mail, Settings, Webhook
from lakzegel_office.settings import secret_line
from lakzegel_web.sending import Relay, post

STEPS: Final = {  # what a person does next
    "fork": "keep everything; compare both signed checkpoints: lakzegel-office verify",
    "gap": "a number of the chain is missing: lakzegel-office verify",
    "missing": "the receiver does not deliver what it sealed: lakzegel-office pull",
    "keyring-unreadable": "a keyring does not open with the office's keys: verify --open",
    "policy-unsigned": "a device seals under a policy that the office did not sign: ask its MDM",
    "annex-unreadable": "a device enrolled anew cannot open its annex: sign its policy again",
    "pull-failing": "see what the following pull says",
    "finding": "see: lakzegel-office verify",
    "silent": "have IT look at the device",
    "enrolled-anew": "ask IT whether this device was made anew; if it was not, revoke it",
    "readout-late": "agree on a moment with the secretariat",
    "witness-missing": "ask the witness's keeper",
    "timestamp-missing": "ask the receiver's administrator",
    "unreachable": "ask the receiver's administrator",
    "disk": "make room for the mirror",
}


class Place(Protocol):
    """One place that is told; `name` is stable, for the journal."""

    name: str

    def send(self, alarm: Alarm, origin: str) -> None:
        """Return when the alarm arrived.

        Raises:
            SendError: that is not known.
        """


def places(settings: Settings) -> list[Place]:
    """Return the places that settings name."""
    found: list[Place] = [WebhookPlace(one) for one in settings.webhooks]
    return [MailPlace(settings.mail), *found] if settings.mail is not None else found


def document(alarm: Alarm, origin: str) -> dict[str, object]:
    """Return what a program is told."""
    name = f"{origin} {alarm.number}".encode()
    return {
        "id": hashlib.sha256(name).hexdigest()[:32],
        "kind": alarm.event,
        "cause": alarm.condition.cause,
        "about": alarm.condition.about,
        "step": STEPS.get(alarm.condition.cause, ""),
        "at": format_time(alarm.at),
        "origin": origin,
    }


class MailPlace:
    """A relay."""

    def __init__(self, settings: Mail) -> None:
        """Keep how to reach it."""
        self._settings = settings
        self.name = f"mail:{settings.host}"

    def send(self, alarm: Alarm, origin: str) -> None:
        """Hand the mail to the relay."""
        chosen = self._settings
        password = None
        if chosen.user is not None and chosen.password_file is not None:
            password = secret_line(chosen.password_file, what="password")
        relay = Relay(chosen.host, chosen.port, chosen.security, chosen.user, chosen.ca_file)
        relay.hand(self._message(alarm, origin), password)

    def _message(self, alarm: Alarm, origin: str) -> EmailMessage:
        says, over = document(alarm, origin), alarm.event == OVER
        cause, about = alarm.condition.cause, alarm.condition.about
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        message["Subject"] = (
            f"Lakzegel: {'voorbij / over: ' if over else ''}{cause} {about}".strip()
        )
        message["Message-ID"] = f"<{says['id']}@{origin.partition('/')[0]}>"
        message["Auto-Submitted"] = "auto-generated"
        step = "" if over else f"\n{says['step']}\n"
        message.set_content(f"{cause} {about}\n{alarm.event} {says['at']}\n{origin}\n{step}")
        return message


class WebhookPlace:
    """A program at the other end of HTTPS."""

    def __init__(self, settings: Webhook) -> None:
        """Keep where it is."""
        self._settings = settings
        self.name = f"webhook:{hashlib.sha256(settings.url.encode()).hexdigest()[:16]}"

    def send(self, alarm: Alarm, origin: str) -> None:
        """Post it, signed; 2xx says that it arrived."""
        body = json.dumps(document(alarm, origin)).encode()
        secret = secret_line(self._settings.secret_file, what="webhook's secret").encode()
        post(self._settings.url, body, secret, ca_file=self._settings.ca_file)
