# SPDX-License-Identifier: EUPL-1.2
"""Texts as WhatsApp exports them, written here: layouts, and its own lines about timers."""

from __future__ import annotations

from dataclasses import dataclass

MARK = "\u200e"
DAY, WEEK, QUARTER = 86_400, 604_800, 7_776_000


@dataclass(frozen=True)
class Layout:
    """How one phone writes a line; ``{n}`` is the minute within an hour."""

    name: str
    head: str
    iphone: bool
    notice: str
    file: str

    def own(self, text: str, n: int = 0, sender: str | None = "Team") -> str:
        """A line of WhatsApp's own."""
        if not self.iphone:
            return self.head.format(n=n) + text + "\n"
        before = "" if sender is None else f"{sender}: "
        return self.head.format(n=n) + before + MARK + text + "\n"

    def said(self, text: str, n: int = 0, sender: str = "Jan") -> str:
        """A person's line."""
        return self.head.format(n=n) + f"{sender}: {text}\n"

    def text(self, *lines: str) -> str:
        """An export of these lines after the notice that it begins with."""
        return self.own(self.notice) + "".join(lines)


NOTICE_NL = "Berichten en oproepen zijn end-to-end versleuteld. Niemand buiten deze chat."
NOTICE_EN = "Messages and calls are end-to-end encrypted. Only people in this chat."
ANDROID_NL = Layout(
    "android-nl", "13-03-2024 09:{n:02} - ", False, NOTICE_NL, "WhatsApp-chat met Team.txt"
)
ANDROID_EN = Layout(
    "android-en", "3/13/24, 9:{n:02}\u202fAM - ", False, NOTICE_EN, "WhatsApp Chat with Team.txt"
)
ANDROID_GB = Layout(
    "android-gb", "13/03/2024, 09:{n:02} - ", False, NOTICE_EN, "WhatsApp Chat with Team.txt"
)
IPHONE_NL = Layout(
    "iphone-nl", "[13-03-2024, 09:{n:02}:07] ", True, NOTICE_NL, "WhatsApp Chat - Team/_chat.txt"
)
IPHONE_OLD = Layout(
    "iphone-old", "[13-03-2024 09:{n:02}:07] ", True, NOTICE_NL, "WhatsApp Chat - Team/_chat.txt"
)
IPHONE_EN = Layout("iphone-en", "[3/13/24, 9:{n:02}:07\u202fAM] ", True, NOTICE_EN, "_chat.txt")
LAYOUTS = (ANDROID_NL, ANDROID_EN, ANDROID_GB, IPHONE_NL, IPHONE_OLD, IPHONE_EN)

KEPT = ", except when kept"
NEW = "New messages will disappear from this chat"
ALL = "All new messages will disappear from this chat"
USES = "default timer for disappearing messages in new chats."
TURNED = "heeft berichten met vervaldatum ingeschakeld."
# wording, kind, seconds
KNOWN = (
    ((f"Jan {TURNED} Alle nieuwe berichten verdwijnen na 7 dagen"
     " uit deze chat."), "on", WEEK),
    ((f"Jan {TURNED} Nieuwe berichten verdwijnen na 24 uur nadat"
     " ze zijn verzonden uit deze chat. Tik om dit te wijzigen."), "on", DAY),
    (("U hebt berichten met vervaldatum ingeschakeld. Nieuwe berichten verdwijnen 90 dagen nadat ze"
     " zijn verzonden uit deze chat. Tik om dit te wijzigen"), "on", QUARTER),
    (("Je hebt berichten met vervaldatum ingeschakeld. Nieuwe berichten verdwijnen 24 uren nadat ze"
     " zijn verzonden uit deze chat."), "on", DAY),
    ("Jan heeft berichten met vervaldatum uitgeschakeld.", "off", None),
    (("\u202a+31\u00a06\u00a012345678\u202c heeft berichten met vervaldatum uitgeschakeld."
     " Tik om dit te wijzigen."), "off", None),
    ("U hebt berichten met vervaldatum uitgeschakeld. Tik om dit te wijzigen", "off", None),
    ((f"Jan turned on disappearing messages. {ALL} 24 hours after they're"
     " sent. Tap to change."), "on", DAY),
    ((f"You turned on disappearing messages. {NEW} 7 days after they\u2019re sent{KEPT}. Click to"
     " change."), "on", WEEK),
    (f"Jan turned on disappearing messages. {NEW} after 7 days. Tap to change.", "on", WEEK),
    (f"Disappearing messages were turned on. {NEW} 1 week after they're sent{KEPT}.", "on", WEEK),
    (f"Disappearing messages was turned on. {NEW} 1 minute after they're sent{KEPT}.", "on", 60),
    ((f"Jan turned on disappearing messages. {ALL} 30 seconds after"
     " they're sent."), "on", 30),
    (f"Jan turned on disappearing messages. {NEW} 12 hours after they're read{KEPT}. Change timer",
     "on", 43_200),
    (("Jan updated the message timer. New messages in this chat will disappear 1 hour after they're"
     " read, except when kept."), "changed", 3_600),
    ("Jan turned off disappearing messages.", "off", None),
    ("You turned off disappearing messages. Tap to change.", "off", None),
    ("Disappearing messages were turned off. Tap to change.", "off", None),
    ((f"~\u202fJan updated the message timer. {NEW} 24 hours after they're sent{KEPT}. Tap to"
     " change."), "changed", DAY),
    (f"You updated the message timer. {NEW} 90 days after they're sent{KEPT}.", "changed", QUARTER),
    (f"The message timer was updated. {NEW} 7 days after they're sent{KEPT}. Change timer",
     "changed", WEEK),
    ((f"Jan uses a {USES} {NEW} 90 days after they're"
     f" sent{KEPT}. Tap to set your own default timer."), "default", QUARTER),
    ((f"You use a {USES} {NEW} 24 hours after they're"
     f" sent{KEPT}. Tap to update your own default timer."), "default", DAY),
    ((f"You use a default timer for disappearing messages in new chats. "
     f"{ALL} 7 days after they're sent. Click to change your default timer."),
     "default", WEEK),
    (f"Jan uses a {USES} {NEW} 90 days after they're sent{KEPT}. Set your own timer.",
     "default", QUARTER),
)  # fmt: skip
UNKNOWN = (
    "U heeft verdwijnende berichten ingeschakeld. Nieuwe berichten verdwijnen uit dit gesprek.",
    "Jan heeft de berichttimer bijgewerkt.",
    "Tijdelijke berichten zijn uitgeschakeld.",
    "Jan heeft berichten met vervaldatum uitgeschakeld",  # no full stop
    "Jan heeft berichten met vervaldatum ingeschakeld.",  # no time
    (f"Jan {TURNED} Nieuwe berichten verdwijnen na een week uit deze chat."),
    "Jan turned off disappearing messages for everyone.",
    "Jan turned off disappearing messages. Tap to change. Now.",
    "jan TURNED OFF DISAPPEARING MESSAGES.",
    "Jan changed the message timer.",
    f"Jan turned on disappearing messages. {NEW} 0 days after they're sent.",
    f"Jan turned on disappearing messages. {NEW} 7 months after they're sent.",
    "Disappearing messages are not supported in this chat. Your messages will not disappear.",
    "You added Jan turned off disappearing messages.",  # somebody who calls himself like a line
    "Jan created group \u201cx\u201d and turned off disappearing messages.",
    "x" * 2_000 + " turned off disappearing messages.",
)
PEOPLE = (
    "Jan turned off disappearing messages.",
    "Jan heeft berichten met vervaldatum uitgeschakeld.",
    "Hebben jullie die berichten met vervaldatum aan?\nverdwijnende berichten: nee\n\nTijdelijk",
    f"kijk:\nYou turned on disappearing messages. {NEW} 24 hours after they're sent.",
    "[5/2, 16:08] Coen: Jan turned off disappearing messages.\n[5/2, 16:09] Piet: disappear",
    f"{MARK}IMG-20240313-WA0001.jpg (file attached)\nzie de berichttimer",
    f"plaatje {MARK}<attached: 00000014-disappear.jpg>",
    "Goedemorgen",
)
