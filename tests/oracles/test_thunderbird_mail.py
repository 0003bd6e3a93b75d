# SPDX-License-Identifier: EUPL-1.2
"""What Thunderbird itself files of rules and accounts, and how it reads them, is how guards do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakzegel_agent.guards import mail_accounts, mail_filters
from lakzegel_agent.guards.base import Guard, Surroundings
from lakzegel_agent.guards.of_filterrules import parse_rules
from lakzegel_agent.guards.of_thunderbird import parse_prefs
from lakzegel_agent.guards.places import Files
from lakzegel_agent.guards.remembered import GuardNotes
from lakzegel_core.age import Identity
from lakzegel_core.policy import parse_policy_toml

from .thunderbirds import BINARY, started

HERE = "ImapMail/imap.minxyz.example"
MAKE = r"""
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const all = MailServices.accounts;
all.createLocalMailAccount();
function account(user, host, type, email, more) {
  const server = all.createIncomingServer(user, host, type);
  const identity = all.createIdentity();
  identity.email = email;
  Object.assign(identity, more);
  const account = all.createAccount();
  account.addIdentity(identity);
  account.incomingServer = server;
  return server;
}
const own = account("jan@minxyz.example", "imap.minxyz.example", "imap", "jan@minxyz.example",
  { doBcc: true, doBccList: "thuis@ziggo.nl", replyTo: "thuis@ziggo.nl" });
const other = account("jan", "pop.ziggo.nl", "pop3", "jan@ziggo.nl", {});
const out = MailServices.outgoingServer.createServer("smtp").QueryInterface(Ci.nsISmtpServer);
out.hostname = "smtp.ziggo.nl";
out.username = "jan";
const list = own.getFilterList(null), does = Ci.nsMsgFilterAction;
function rule(name, enabled, ...actions) {
  const filter = list.createFilter(name);
  filter.enabled = enabled;
  filter.filterType = 17;
  const term = filter.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib.Subject;
  term.op = Ci.nsMsgSearchOp.Contains;
  const value = term.value;
  value.attrib = term.attrib;
  value.str = 'say "x" (y)\\';
  term.value = value;
  filter.appendTerm(term);
  for (const [type, set] of actions) {
    const action = filter.createAction();
    action.type = type;
    set?.(action);
    filter.appendAction(action);
  }
  list.insertFilterAt(list.filterCount, filter);
}
const to = text => action => action.strValue = text;
const into = (server, name) => action => action.targetFolderUri = server.serverURI + "/" + name;
rule('to "home" \u00e9', true, [does.MarkRead], [does.Forward, to("thuis@ziggo.nl")]);
rule("within", true, [does.Forward, to('"P \\" x" <piet@minxyz.example>')]);
rule("off", false, [does.Forward, to("thuis@ziggo.nl")]);
rule("delete", true, [does.Delete]);
rule("pop", true, [does.DeleteFromPop3Server]);
rule("reply", true, [does.Reply, to("mailbox://nobody@Local%20Folders/Templates?messageId=1")]);
rule("move", true, [does.MoveToFolder, into(other, "Inbox")]);
rule("copy", true, [does.CopyToFolder, into(other, "Inbox")]);
rule("archive", true, [does.MoveToFolder, into(own, "INBOX/Archief")]);
rule("local", true, [does.CopyToFolder, into(all.localFoldersServer, "test")]);
const custom = action => { action.customId = "a@b#c"; action.strValue = "v"; };
rule("custom", true, [does.Custom, custom]);
rule("rest", true, [does.ChangePriority, action => action.priority = 5], [does.KillThread],
  [does.KillSubthread], [does.WatchThread], [does.MarkFlagged], [does.MarkUnread],
  [does.JunkScore, action => action.junkScore = 100], [does.AddTag, to("$label1")],
  [does.LeaveOnPop3Server], [does.FetchBodyFromPop3Server], [does.StopExecution]);
list.saveToDefaultFile();
Services.prefs.savePrefFile(null);
"""
READ = r"""
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const list = MailServices.accounts.findServer("jan", "imap.minxyz.example", "imap")
  .getFilterList(null);
return Array.from({ length: list.filterCount }, (_, at) => {
  const one = list.getFilterAt(at);
  return [one.filterName, one.enabled, one.filterType,
          Array.from({ length: one.actionCount }, (_, n) => one.getActionAt(n).strValue)];
});
"""
ODD = [r"a\"b", r"a\\b", r"a\\" + '"b', r"a\q", "één 😀", r"a\\'b", "#;="]
PREFS = r"""user_pref("mail.account.account1.identities", "");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.server.server1.check_new_mail", false);
user_pref("mail.server.server1.directory-rel", "[ProfD]ImapMail/imap.minxyz.example");
user_pref("mail.server.server1.hostname", "imap.minxyz.example");
user_pref("mail.server.server1.login_at_startup", false);
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.userName", "jan");
user_pref('test.single', 'it\'s "so"');
user_pref("test.escapes", "\x41\n\r\\\"\'"); // a comment
user_pref("test.unit", "\u00e9\ud83d\ude00"); /* and
another */ user_pref ( "test.space" , "b" ) ;
user_pref("test.utf8", "één 😀");
user_pref("test.twice", "first");
user_pref("test.twice", "last");
# and a third
user_pref("test.lines", "a
b");
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    if not BINARY.exists():
        pytest.skip("no Thunderbird here: run sh tests/soak/install.sh")
    folder = tmp_path / "home/.thunderbird/abcd.default"
    folder.mkdir(parents=True)
    (folder / "user.js").write_text('user_pref("marionette.port", 0);\n')  # one that is free
    return folder


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    class Memory:
        def remember(self, name: str, value: bytes) -> None: ...
        def recall(self, name: str) -> bytes | None: ...

    recipient = Identity(bytes(32)).recipient.to_text()
    policy = parse_policy_toml(
        f'serial = 1\naudience = ["group:g"]\nexpires = 2027-06-30\nrecipients = ["{recipient}"]\n'
    )
    return Surroundings(
        home=tmp_path / "home",
        system=Path("/"),
        platform="linux",
        now=datetime(2026, 11, 30, 9, 0, tzinfo=UTC),
        sources=(),
        domains=frozenset({"minxyz.example"}),
        places={"file": Files()},
        notes=GuardNotes(Memory(), "test"),
        policy=policy,
    )


def states(guard: Guard, around: Surroundings) -> dict[str, tuple[str, str]]:
    return {
        one.subject.removeprefix("abcd.default/"): (str(one.state), one.reason)
        for one in guard.look(around)
    }


@pytest.mark.slow
def test_rules_and_accounts_that_thunderbird_files_are_judged(
    profile: Path, around: Surroundings
) -> None:
    with started(around.home, profile) as thunderbird:
        thunderbird.ask(MAKE)
    fine = ("compliant", "")
    assert states(mail_filters.GUARD, around) == {
        f'{HERE}/to "home" é': ("drifted", "forwards"),
        f"{HERE}/within": fine,
        f"{HERE}/off": fine,
        f"{HERE}/delete": ("drifted", "deletes"),
        f"{HERE}/pop": ("drifted", "deletes"),
        f"{HERE}/reply": ("drifted", "replies"),
        f"{HERE}/move": ("drifted", "moves-elsewhere"),
        f"{HERE}/copy": ("drifted", "copies-elsewhere"),
        f"{HERE}/archive": fine,
        f"{HERE}/local": fine,
        f"{HERE}/custom": ("unknown", "custom-action"),
        f"{HERE}/rest": fine,
    }
    found = states(mail_accounts.GUARD, around)
    private = ("drifted", "private-account")
    assert sorted(found.values()) == sorted(
        [fine, private, ("drifted", "copies-out"), fine, private]
    )


@pytest.mark.slow
def test_rules_and_preferences_are_read_as_thunderbird_reads_them(
    profile: Path, around: Surroundings
) -> None:
    rules = "".join(
        f'name="{text}"\nenabled="{"yes" if at % 2 else "no"}"\ntype="{17 + at * 32}"\n'
        f'action="Forward"\nactionValue="{text}"\naction="Mark read"\ncondition="ALL"\n'
        for at, text in enumerate(ODD)
    )
    path = profile / HERE / "msgFilterRules.dat"
    path.parent.mkdir(parents=True)
    path.write_text(f'version="9"\nlogging="no"\n{rules}')
    (profile / "prefs.js").write_text(PREFS)
    ours = [
        [one.name, one.enabled, one.type, [action.value or "" for action in one.actions]]
        for one in parse_rules(path.read_bytes())
        if one.whole
    ]
    prefs = {name: value for name, value in parse_prefs(PREFS.encode()).items() if "test." in name}
    assert len(ours) == len(ODD)
    assert len(prefs) == 7
    with started(around.home, profile) as thunderbird:
        theirs = thunderbird.ask(READ)
        assert json.dumps(theirs) == json.dumps(ours)
        assert {name: thunderbird.pref(name)[1] for name in prefs} == prefs
