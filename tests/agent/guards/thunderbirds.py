# SPDX-License-Identifier: EUPL-1.2
"""A profile as Thunderbird 153 writes it: two accounts, local folders, one outgoing server."""

from __future__ import annotations

from pathlib import Path

PREFS = """// Mozilla User Preferences

user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.identities", "id1");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.accountmanager.accounts", "account2,account1");
user_pref("mail.accountmanager.localfoldersserver", "server1");
user_pref("mail.identity.id1.fullName", "J. \\"Bewindspersoon\\" één");
user_pref("mail.identity.id1.useremail", "jan@minxyz.example");
user_pref("mail.server.server1.directory-rel", "[ProfD]Mail/Local Folders");
user_pref("mail.server.server1.hostname", "Local Folders");
user_pref("mail.server.server1.name", "Local Folders");
user_pref("mail.server.server1.type", "none");
user_pref("mail.server.server1.userName", "nobody");
user_pref("mail.server.server2.directory-rel", "[ProfD]ImapMail/imap.minxyz.example");
user_pref("mail.server.server2.hostname", "imap.minxyz.example");
user_pref("mail.server.server2.type", "imap");
user_pref("mail.server.server2.userName", "jan@minxyz.example");
user_pref("mail.smtpserver.smtp1.hostname", "smtp.minxyz.example");
user_pref("mail.smtpserver.smtp1.type", "smtp");
user_pref("mail.smtpserver.smtp1.username", "jan@minxyz.example");
user_pref("mail.smtpservers", "smtp1");
user_pref("toolkit.startup.last_success", 1764489600);
"""
PRIVATE = """user_pref("mail.accountmanager.accounts", "account2,account3,account1");
user_pref("mail.account.account3.identities", "id2");
user_pref("mail.account.account3.server", "server3");
user_pref("mail.identity.id2.useremail", "jan@ziggo.nl");
user_pref("mail.server.server3.directory-rel", "[ProfD]Mail/pop.ziggo.nl");
user_pref("mail.server.server3.hostname", "pop.ziggo.nl");
user_pref("mail.server.server3.type", "pop3");
user_pref("mail.server.server3.userName", "jan");
"""


def profile(home: Path, *more: str, prefs: str = PREFS) -> Path:
    """The profile's folder below a home, with what else its preferences say, in their order."""
    root = home / ".thunderbird" / "abcd.default"
    root.mkdir(parents=True, exist_ok=True)
    if more:
        lines = [line for part in (prefs, *more) for line in part.splitlines()]
        said = {line.split('"')[1]: line for line in lines if line.startswith("user_pref")}
        prefs = "".join(f"{said[name]}\n" for name in sorted(said, key=lambda name: f'{name}"'))
    (root / "prefs.js").write_text(prefs)
    return root
