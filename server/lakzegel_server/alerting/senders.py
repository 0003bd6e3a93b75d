# SPDX-License-Identifier: EUPL-1.2
"""The ways that alerts leave by: mail through a relay, and posts to programs (spec/alerts.md)."""

from __future__ import annotations

import json
import logging
from typing import Final, Protocol

from lakzegel_core.words import Words
from lakzegel_server.alerting.model import Alert
from lakzegel_server.alerting.words import document, mail
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_alerts import Mail, Webhook
from lakzegel_web.sending import Relay, post

_log: Final = logging.getLogger(__name__)


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
        self._relay = Relay(
            settings.host, settings.port, settings.security, settings.user, settings.ca_file
        )
        secret = settings.password_file
        self._password = read_secret(secret) if secret else None

    def send(self, alert: Alert) -> None:
        """Hand the mail to the relay."""
        message = mail(alert, self._origin, self._words, url=self._url)
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        refused = self._relay.hand(message, self._password)
        if refused:  # by some; to send it again would be twice for the others
            _log.warning("mail: the relay refused %d of the addresses in [mail] to", refused)


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
