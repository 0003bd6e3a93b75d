# SPDX-License-Identifier: EUPL-1.2
"""How a notice leaves: a mail through a relay, a signed post to a program (docs/spec/alerts.md §5).

What it says, to whom and when is the room's own.
"""

from __future__ import annotations

import hashlib
import hmac
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import requests

SECONDS: Final = 15.0  # for a connection, and between two words of the other side
SIGNATURE: Final = "X-Lakzegel-Signature"
_FINE: Final = 2  # hundreds


class SendError(Exception):
    """It did not arrive, as far as is known; later again."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail relay, and how it wants to be spoken to: `starttls`, `tls` or, here alone, `none`."""

    host: str
    port: int
    security: str
    user: str | None
    ca_file: Path | None

    def hand(self, message: EmailMessage, password: str | None) -> int:
        """Hand over a mail; return how many of its addresses the relay refused.

        Raises:
            SendError: it is not known to have arrived.
        """
        try:
            with self._connect() as relay:
                if self.user is not None and password is not None:
                    relay.login(self.user, password)
                return len(relay.send_message(message))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SendError(f"mail: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        """Return a connection that is encrypted, unless the relay is on this machine."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        relay = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        if self.security == "starttls":
            try:
                relay.starttls(context=context)  # raises where the relay cannot: never in plain
            except BaseException:
                relay.close()
                raise
        return relay


def post(url: str, body: bytes, secret: bytes, *, ca_file: Path | None) -> None:
    """Post a signed body; it follows no redirect, to whoever answers.

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
    """Return the header's value: HMAC-SHA256 over the exact body, in lower-case hexadecimal."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
