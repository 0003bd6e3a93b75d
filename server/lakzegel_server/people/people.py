# SPDX-License-Identifier: EUPL-1.2
"""The people of one receiver: who logs in, who is logged in, who has to wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from lakzegel_server.accounts import Account, Way
from lakzegel_server.database import Database
from lakzegel_server.errors import BusyError, DeniedError, SignOnError, TooManyError
from lakzegel_server.index.place import Place
from lakzegel_server.people import breakglass, sessions
from lakzegel_server.people.begunlogins import BegunLogins
from lakzegel_server.people.records import NOTHING, Action, Event, Thing, Who
from lakzegel_server.people.sessions import Session
from lakzegel_server.people.signon import MANY, Answer, Begun, SignOn
from lakzegel_server.people.throttle import Throttle
from lakzegel_server.people.trail import AuditTrail
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_people import Login

MAX_WAITING: Final = 8  # logins whose password is being verified, or waits for it
REFUSED: Final = "name, password or code is not right"
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody typed, and from where."""

    name: str
    password: str
    code: str
    address: str

    def __repr__(self) -> str:
        return "Attempt()"


class People:
    """Logins and sessions; worker threads take turns at its one connection."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        trail: AuditTrail,
        login: Login | None,
    ) -> None:
        self._trail = trail
        self._login = login
        secret = read_secret(login.client_secret_file) if login else ""
        self.sign_on = SignOn(login, secret, clock) if login else None
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self.begun = BegunLogins(database, self._lock, clock)
        self._hashing = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._throttle = Throttle()

    @classmethod
    def open(
        cls,
        path: Place,
        clock: Callable[[], float],
        trail: AuditTrail,
        login: Login | None,
    ) -> Self:
        """Open a connection of its own.

        Raises:
            ConfigError: the secret of single sign-on cannot be read.
        """
        return cls(Database.open(path), clock, trail, login)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._database.close()

    def now(self) -> float:
        """POSIX seconds."""
        return self._clock()

    def break_glass(self, attempt: Attempt, old: str | None) -> Session:
        """The new session of whoever knows password and code.

        Raises:
            DeniedError: something was wrong; not said what.
            TooManyError: too many failures.
            BusyError: too many log in at this moment.
        """
        with self._place():
            with self._lock:
                local = breakglass.find(self._database, attempt.name)
            account = local and Account(local.name, local.role, Way.BREAK_GLASS)
            who = Who.of(account, attempt.address) if account else _nobody(attempt)
            shuts = self._count_attempt(attempt, who)
            with self._hashing:
                step = breakglass.verify(local, attempt.password, attempt.code, now=self._clock())
            with self._lock:
                spent = local and step and breakglass.spend(self._database, local, step)
            if not local or not account or not spent:
                self._note_failure(who, shuts=shuts)
                raise DeniedError(REFUSED, known=False)
            self._throttle.success(attempt.name, attempt.address)
        _log.warning("a break-glass account of role %s was used", local.role)
        return self.begin(account, local.created, old, address=attempt.address)

    def come_back(self, answer: Answer, begun: Begun, *, address: str, old: str | None) -> Session:
        """The new session of whoever the provider of single sign-on says it is.

        Raises:
            SignOnError: nobody that may come in.
            TooManyError: too many failures from there.
            BusyError: not now.
        """
        if self.sign_on is None:
            raise SignOnError("sso-state")
        self._throttle.attempt(None, address, self._clock())
        try:
            proven = self.sign_on.finish(answer, begun)
        except SignOnError as error:
            if error.name is not None:  # somebody, who has no role: that is no guess
                self._throttle.success(None, address)
            raise
        except BusyError:
            self._throttle.success(None, address)
            raise
        self._throttle.success(None, address)
        return self.begin(proven.account, proven.value, old, address=address)

    def refuse(self, error: SignOnError, *, address: str) -> None:
        """Record that a login by single sign-on failed, and of whom where that was proven."""
        who = Who(error.name or NOTHING, way=Way.SIGN_ON.value, address=address)
        event = Event(who, Action.LOGIN, Thing.SESSION).refused(error.why)
        if error.name is None:
            self._trail.count(event)
        else:
            self._trail.note(event)

    def begin(self, account: Account, proof: str, old: str | None, *, address: str) -> Session:
        """A new session, in place of the one that the browser had."""
        self._trail.note(Event(Who.of(account, address), Action.LOGIN, Thing.SESSION))
        with self._lock:
            if old is not None:
                sessions.end(self._database, old)
            return sessions.begin(self._database, account, proof, now=self._clock())

    def find(self, reader: Database, cookie: str) -> Session | None:
        """The session of a cookie, unless it, its account or its role is over."""
        found = sessions.find(reader.connection, cookie, now=self._clock())
        if found is None or not self._stands(reader, found):
            return None
        return found

    def touch(self, session: Session) -> None:
        """Note that it was used, so that it does not end for being idle."""
        with self._lock:
            sessions.touch(self._database, session, now=self._clock())

    def end(self, session: Session, *, address: str) -> None:
        """Log out."""
        with self._lock:
            sessions.end(self._database, session.cookie)
        self._trail.note(Event(Who.of(session.account, address), Action.LOGOUT, Thing.SESSION))

    def _count_attempt(self, attempt: Attempt, who: Who) -> bool:
        """Whether this attempt, if it fails, is the last for a while."""
        try:
            return self._throttle.attempt(attempt.name, attempt.address, self._clock())
        except TooManyError as error:
            self._trail.count(Event(who, Action.LOGIN, Thing.SESSION).refused(error.code))
            raise

    def _note_failure(self, who: Who, *, shuts: bool) -> None:
        """Record it within a minute: to wait for the disk here would tell which names there are."""
        self._trail.count(Event(who, Action.LOGIN, Thing.SESSION).refused(DeniedError.code))
        if shuts:
            self._trail.count(Event(who, Action.LOCK_OUT, Thing.SESSION))

    def _stands(self, reader: Database, session: Session) -> bool:
        """Whether what gave the session its role is still so."""
        if session.account.way is Way.SIGN_ON:
            given = self._login.role_of(session.proof) if self._login else None
            return given is session.account.role
        local = breakglass.find(reader, session.account.name)
        return (
            session.account.way is Way.BREAK_GLASS
            and local is not None
            and (local.role, local.created) == (session.account.role, session.proof)
        )

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise BusyError(MANY)
        try:
            yield
        finally:
            self._places.release()


def _nobody(attempt: Attempt) -> Who:
    """Whoever typed a name that no account has; the name may be a password."""
    return Who(way=Way.BREAK_GLASS.value, address=attempt.address)
