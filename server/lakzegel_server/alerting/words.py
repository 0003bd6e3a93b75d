# SPDX-License-Identifier: EUPL-1.2
"""What an alert says in words: the cause, how many, what to do next; never a device or a person."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

from lakzegel_core.encoding import format_time
from lakzegel_core.words import Words
from lakzegel_server.alerting.model import Alert, Kind
from lakzegel_server.fleet.causes import cause_of
from lakzegel_server.words import text


def document(alert: Alert, origin: str) -> dict[str, object]:
    """The alert as a webhook gets it (docs/spec/alerts.md §5)."""
    cause = cause_of(alert.cause)
    return {
        "id": alert.id,
        "kind": alert.kind.value,
        "cause": alert.cause,
        "severity": cause.severity.value,
        "owner": cause.owner.value,
        "title": cause.title,
        "step": cause.step,
        "count": alert.count,
        "since": _time(alert.since),
        "at": _time(alert.at),
        "origin": origin,
    }


def mail(alert: Alert, origin: str, words: Words, *, url: str | None) -> EmailMessage:
    """The alert as a person gets it; addresses are the sender's to add."""
    cause = cause_of(alert.cause)
    over = alert.kind is Kind.RECOVERED
    state = words.one(text("over") if over else text("holds"))
    message = EmailMessage()
    message["Subject"] = f"Lakzegel: {words.one(cause.title)} ({alert.count}), {state}"
    message["Message-ID"] = f"<{alert.id}@{origin.partition('/')[0]}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [
        words.one(cause.title),
        "" if over else words.one(cause.why),
        "" if over else words.one(cause.step),
        f"{words.one(text('Count'))}: {alert.count}",
        f"{words.one(text('Since'))}: {_time(alert.since)}",
        f"{words.one(text('Log'))}: {origin}",
        url or "",
    ]
    message.set_content("\n".join(line for line in lines if line) + "\n")
    return message


def _time(seconds: int) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))
