# SPDX-License-Identifier: EUPL-1.2
"""What the words of the trail's records are called on a page."""

from __future__ import annotations

from typing import Final

from lakzegel_server.accounts import AccountRole, Way
from lakzegel_server.pages.conditions import Said, Tone
from lakzegel_server.pages.language import text
from lakzegel_server.pages.menu import ROLES
from lakzegel_server.people.records import COMMAND, RECEIVER, Action, Thing

ACTIONS: Final[dict[str, str]] = {
    Action.LOGIN: text("logging in"),
    Action.LOGOUT: text("logging out"),
    Action.LOCK_OUT: text("locking out"),
    Action.PUBLISH: text("publishing"),
    Action.HAND_OUT: text("handing out"),
    Action.STORE: text("storing"),
    Action.READ: text("reading"),
    Action.ASK: text("asking for another's"),
    Action.ADD: text("adding"),
    Action.REMOVE: text("removing"),
    Action.CHANGE: text("changing"),
    Action.START: text("starting"),
    Action.STOP: text("stopping"),
    Action.LOSE: text("losing"),
}
THINGS: Final[dict[str, str]] = {  # what was published is the kind of an entry, and told as that
    Thing.SESSION: text("session"),
    Thing.ROUTE: text("route"),
    Thing.BATCH: text("batch"),
    Thing.KEYRING: text("keyring"),
    Thing.ANNEX: text("annex"),
    Thing.ENTRIES: text("entries of the log"),
    Thing.ACCOUNT: text("account"),
    Thing.SETTINGS: text("settings"),
    Thing.RECEIVER: text("receiver"),
    Thing.SEGMENT: text("segment of the trail"),
    Thing.RECORD: text("record of the trail"),
}
OUTCOMES: Final = {
    "ok": Said(text("done"), Tone.GOOD, ""),
    "refused": Said(text("refused"), Tone.WARN, ""),
}
WAYS: Final[dict[str, str]] = {
    Way.TOKEN: text("token"),
    Way.BREAK_GLASS: text("break-glass"),
    Way.SIGN_ON: text("single sign-on"),
    COMMAND: text("command line"),
    RECEIVER: text("the receiver itself"),
}
ROLE_WORDS: Final[dict[str, str]] = {role.value: ROLES[role] for role in AccountRole}
