# SPDX-License-Identifier: EUPL-1.2
"""The ways that alarms leave by: mail through a relay, and posts to programs; never content."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

from lakzegel_core.encoding import format_time
from lakzegel_office.alarms.book import OVER, Alarm
from lakzegel_office.alarms.settings import Mail, Settings, Webhook
from lakzegel_office.settings import secret_line

SECONDS: Final = 15.0  # for a connection, and between two words of the other side
STEPS: Final = {  # what a person does next
    "fork": "keep everything; compare both signed checkpoints: lakzegel-office verify",
    "gap": "a number of the chain is missing: lakzegel-office verify",
    "missing": "the receiver does not deliver what it sealed: lakzegel-office pull",
    "keyring-unreadable": "a keyring does not open with the office's keys: verify --open",
    "policy-unsigned": "a device seals under a policy that the office did not sign: ask its MDM",
    "pull-failing": "see what the following pull says",
    "finding": "see: lakzegel-office verify",
    "silent": "have IT look at the device",
    "readout-late": "agree on a moment with the secretariat",
    "witness-missing": "ask the witness's keeper",
    "timestamp-missing": "ask the receiver's administrator",
    "unreachable": "ask the receiver's administrator",
    "disk": "make room for the mirror",
}


class SendError(Exception):
    """It did not arrive, as far as is known; later again."""


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
        try:
            with self._connect() as relay:
                if chosen.user is not None and chosen.password_file is not None:
                    relay.login(chosen.user, secret_line(chosen.password_file, what="password"))
                relay.send_message(self._message(alarm, origin))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SendError(f"mail: {type(error).__name__}") from None

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

    def _connect(self) -> smtplib.SMTP:
        """Return a connection that is encrypted, unless the relay is on this machine."""
        chosen, context = self._settings, _context(self._settings.ca_file)
        if chosen.security == "tls":
            return smtplib.SMTP_SSL(chosen.host, chosen.port, timeout=SECONDS, context=context)
        relay = smtplib.SMTP(chosen.host, chosen.port, timeout=SECONDS)
        if chosen.security == "starttls":
            try:
                relay.starttls(context=context)  # raises where the relay cannot: never in plain
            except BaseException:
                relay.close()
                raise
        return relay


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would send the alarm to whoever answers."""

    def redirect_request(self, *unused: object) -> None:
        """Return that there is nowhere to go."""


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
        signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Lakzegel-Signature": signature}
        asked = urllib.request.Request(  # noqa: S310 - settings allow https, and http to this machine
            self._settings.url, body, headers, method="POST"
        )
        opener = urllib.request.build_opener(
            _Stay, urllib.request.HTTPSHandler(context=_context(self._settings.ca_file))
        )
        try:
            opener.open(asked, timeout=SECONDS).close()
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise SendError(f"webhook: {type(error).__name__}") from None


def _context(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
