# SPDX-License-Identifier: EUPL-1.2
"""The ways that alerts leave by: mail through a relay, and posts to programs (spec/alerts.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from pathlib import Path
from typing import Final, Protocol

import requests

from lakzegel_core.words import Words
from lakzegel_server.alerting.model import Alert
from lakzegel_server.alerting.words import document, mail
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_alerts import Mail, Webhook

SECONDS: Final = 15.0  # for a connection, and between two words of the other side
SIGNATURE: Final = "X-Lakzegel-Signature"
_FINE: Final = 2  # hundreds
_log: Final = logging.getLogger(__name__)


class SendError(Exception):
    """It did not arrive, as far as is known; later again."""


class Sender(Protocol):
    """One place; ``send`` returns when the alert arrived there.

    Raises SendError when that is not known.
    """

    def send(self, alert: Alert) -> None:
        """Have it there."""
        ...


class MailSender:
    """A relay."""

    def __init__(self, settings: Mail, origin: str, words: Words, url: str | None) -> None:
        self._settings = settings
        self._origin = origin
        self._words = words
        self._url = url
        secret = settings.password_file
        self._password = read_secret(secret) if secret else None

    def send(self, alert: Alert) -> None:
        """Hand the mail to the relay."""
        message = mail(alert, self._origin, self._words, url=self._url)
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        try:
            with self._connect() as relay:
                if self._settings.user is not None and self._password is not None:
                    relay.login(self._settings.user, self._password)
                refused = relay.send_message(message)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SendError(f"mail: {type(error).__name__}") from None
        if refused:  # by some; to send it again would be twice for the others
            _log.warning("mail: the relay refused %d of the addresses in [mail] to", len(refused))

    def _connect(self) -> smtplib.SMTP:
        """A connection that is encrypted, unless the relay is on this machine."""
        chosen = self._settings
        context = _context(chosen.ca_file)
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


class WebhookSender:
    """A program at the other end of HTTPS."""

    def __init__(self, settings: Webhook, origin: str) -> None:
        self._settings = settings
        self._origin = origin
        self._secret = read_secret(settings.secret_file).encode()

    def send(self, alert: Alert) -> None:
        """Post it; 2xx says that it arrived."""
        body = json.dumps(document(alert, self._origin)).encode()
        post(self._settings.url, body, self._secret, ca_file=self._settings.ca_file)


def post(url: str, body: bytes, secret: bytes, *, ca_file: Path | None) -> None:
    """Post a signed body.

    Raises:
        SendError: there was no answer of 2xx.
    """
    headers = {"Content-Type": "application/json", SIGNATURE: sign(body, secret)}
    try:
        answer = requests.post(
            url,
            data=body,
            headers=headers,
            timeout=SECONDS,
            allow_redirects=False,
            verify=str(ca_file) if ca_file else True,
            stream=True,
        )
        answer.close()
    except (requests.RequestException, OSError) as error:
        raise SendError(f"webhook: {type(error).__name__}") from None
    if answer.status_code // 100 != _FINE:
        raise SendError(f"webhook: it answered {answer.status_code}")


def sign(body: bytes, secret: bytes) -> str:
    """The header's value: HMAC-SHA256 over the exact body, in lower-case hexadecimal."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def _context(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
