# SPDX-License-Identifier: EUPL-1.2
"""Which readers (docs/spec/sources.md) bring in mail, chats and archives of social media."""

from __future__ import annotations

from typing import Final

MAIL: Final = frozenset({"maildir", "mbox", "eml", "emlx", "msg", "pst"})
SOCIAL: Final = frozenset({"social-export"})
CHAT: Final = frozenset(
    {
        "whatsapp-export",
        "telegram-export",
        "threema-backup",
        "signal-android-backup",
        "signal-desktop",
        "whatsapp-android",
        "whatsapp-ios",
        "imessage",
        "ios-backup",
        "android-backup",
    }
)
