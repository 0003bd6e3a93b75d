# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp's tables on Android, of old and new, as one shape (docs/spec/conversations.md §5).

Only what is listed here is read, and of it only the rows of one conversation.
"""

from typing import Final, NamedTuple


class Side(NamedTuple):
    """A table whose rows belong to a message: by which column, to which column of what."""

    table: str
    column: str
    of: str = ""  # "": the message itself
    its: str = "_id"


SIDES: Final = (
    Side("message_media", "message_row_id"),
    Side("message_system", "message_row_id"),
    Side("message_system_chat_participant", "message_row_id"),
    Side("message_system_group", "message_row_id"),
    Side("message_system_number_change", "message_row_id"),
    Side("message_system_value_change", "message_row_id"),
    Side("message_ephemeral", "message_row_id"),
    Side("message_ephemeral_setting", "message_row_id"),
    Side("message_quoted", "message_row_id"),
    Side("message_quoted_media", "message_row_id"),
    Side("message_revoked", "message_row_id"),
    Side("message_edit_info", "message_row_id"),
    Side("message_forwarded", "message_row_id"),
    Side("message_link", "message_row_id"),
    Side("message_location", "message_row_id"),
    Side("message_mentions", "message_row_id"),
    Side("message_poll", "message_row_id"),
    Side("message_poll_option", "message_row_id"),
    Side("message_text", "message_row_id"),
    Side("message_thumbnail", "message_row_id"),
    Side("message_vcard", "message_row_id"),
    Side("message_add_on", "parent_message_row_id"),
    Side("message_add_on_reaction", "message_add_on_row_id", "message_add_on"),
    Side("message_add_on_poll_vote", "message_add_on_row_id", "message_add_on"),
)
OLD_SIDES: Final = (*SIDES, Side("messages_quotes", "_id", "", "quoted_row_id"))


class Shape(NamedTuple):
    """How one generation of the schema names what every generation has."""

    messages: str
    chats: str
    chat: str  # column of a message: its conversation
    sender: str  # column of a message: who wrote it in a group
    members: str
    group: str  # columns of a member
    member: str
    sides: tuple[Side, ...]
    by_row: bool  # people and conversations are rows of `jid`; else they are their own text


NEW: Final = Shape(
    "message",
    "chat",
    "chat_row_id",
    "sender_jid_row_id",
    "group_participant_user",
    "group_jid_row_id",
    "user_jid_row_id",
    SIDES,
    by_row=True,
)
OLD: Final = Shape(
    "messages",
    "chat_list",
    "key_remote_jid",
    "remote_resource",
    "group_participants",
    "gjid",
    "jid",
    OLD_SIDES,
    by_row=False,
)
NEEDED: Final = {
    "message": {"_id", "chat_row_id", "timestamp", "sender_jid_row_id"},
    "chat": {"_id", "jid_row_id"},
    "jid": {"_id", "raw_string"},
    "messages": {"_id", "key_remote_jid", "timestamp"},
    "chat_list": {"key_remote_jid"},
}
