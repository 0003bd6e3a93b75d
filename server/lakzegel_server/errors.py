# SPDX-License-Identifier: EUPL-1.2
"""What the receiver refuses beyond what the core refuses.

    ServerError
    ├── ConfigError     DATA or the command line is wrong: exit code 2
    ├── DamageError     DATA is not what the log says: exit code 1, 503
    │   ├── ClashError  a name that is put once gives other bytes already: 503
    │   ├── SpoiltError what waited to take a place is not what its name says: 503
    │   └── KeptError   a store has kept what it was to forget: 503
    ├── BusyError       try again later: 503
    │   ├── SlowError   the sender is slower than a receiver can wait for: 503
    │   ├── RacedError  another receiver replaced it at this moment: 503
    │   ├── LogKeyError the token with the log's key does not sign: 503
    │   └── ReadOnlyError  may not be the newest log, or forked: 503
    ├── TooManyError    more than one sender may ask for, or failed logins: 429
    ├── FullError       no room on the disk: 507
    ├── DeniedError     no login, or the wrong role: 401, 403
    ├── SignOnError     single sign-on gave nobody that may come in: 403
    ├── ForgeryError    a form that this receiver did not give to this session: 403
    ├── MisplacedError  a note that another route takes: 422
    ├── MissingError    nothing has this name: 404
    └── LostError       it was stored here and is not any more: 410

Statuses are in `problems.py`; ``code`` is the stable name in problem documents.
"""

from __future__ import annotations

from typing import ClassVar

from lakzegel_server.words import text


class ServerError(Exception):
    """Any refusal by the receiver itself."""

    code: ClassVar[str] = "server"


class ConfigError(ServerError):
    """DATA or the command line is wrong."""

    code: ClassVar[str] = "config"


class DamageError(ServerError):
    """DATA is not what the log says."""

    code: ClassVar[str] = "damage"


class ClashError(DamageError):
    """A name that is put once gives other bytes already; they are as they were."""


class SpoiltError(DamageError):
    """What waited to take another's place is not what its name says; that place is as it was."""


class KeptError(DamageError):
    """A store has kept what it was to forget."""


class BusyError(ServerError):
    """Cannot now; the same request may succeed later."""

    code: ClassVar[str] = "busy"


class SlowError(BusyError):
    """The sender is slower than a receiver can wait for."""

    code: ClassVar[str] = "slow"


class RacedError(BusyError):
    """Another receiver replaced it since one looked; it is as that one put it."""


class LogKeyError(BusyError):
    """The token with the log's key does not sign now; nothing new is shown."""

    code: ClassVar[str] = "log-key"


class ReadOnlyError(BusyError):
    """Nothing is sealed: this may not be the newest log (docs/spec/recovery.md §2)."""

    code: ClassVar[str] = "catching-up"


class ForkedError(ReadOnlyError):
    """Nothing is ever sealed again: the log signed two trees that contradict each other."""

    code: ClassVar[str] = "forked"


class FullError(ServerError):
    """The disk has no room; nothing was kept of the request."""

    code: ClassVar[str] = "full"


class DeniedError(ServerError):
    """No login (``known`` false), or one whose role does not allow this."""

    code: ClassVar[str] = "denied"

    def __init__(self, message: str, *, known: bool) -> None:
        super().__init__(message)
        self.known = known


class TooManyError(ServerError):
    """Too many requests or failures; it may succeed in so many seconds."""

    code: ClassVar[str] = "too-many"

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class SignOnError(ServerError):
    """Single sign-on gave nobody that may come in; ``why`` is for the trail."""

    code: ClassVar[str] = "sso"

    def __init__(self, why: str, *, name: str | None = None) -> None:
        super().__init__(text("this login did not succeed"))
        self.why = why
        self.name = name  # of whoever proved who he is


class ForgeryError(ServerError):
    """A form that this receiver did not give to this session."""

    code: ClassVar[str] = "forgery"


class MisplacedError(ServerError):
    """A note that another route takes."""

    code: ClassVar[str] = "misplaced"


class MissingError(ServerError):
    """Nothing has this name."""

    code: ClassVar[str] = "missing"


class LostError(ServerError):
    """It was stored here and is not any more; `check` names it."""

    code: ClassVar[str] = "lost"
