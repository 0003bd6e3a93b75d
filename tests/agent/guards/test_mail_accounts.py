# SPDX-License-Identifier: EUPL-1.2
"""Whose accounts Thunderbird has, and what leaves by itself."""

from __future__ import annotations

import pytest

from lakzegel_agent.guards.mail_accounts import GUARD
from lakzegel_agent.guards.of_providers import is_private, is_private_host

from .conftest import Make, readings, states
from .thunderbirds import PREFS, PRIVATE, profile

FINE = ("compliant", "")


def found(make: Make, *more: str, prefs: str = PREFS, **changed: object) -> dict[str, object]:
    """State and reason by subject, without the profile's name."""
    around = make(**changed)
    profile(around.home, *more, prefs=prefs)
    return {
        name.removeprefix("abcd.default").strip("/"): one
        for name, one in states(readings(GUARD, around)).items()
    }


def pref(name: str, value: str) -> str:
    return f'user_pref("mail.{name}", {value});'


def test_an_agreed_account_is_fine_and_local_folders_are_no_account(around: Make) -> None:
    assert found(around) == {"account2": FINE, "id1": FINE, "smtp1": FINE}


def test_a_private_account_is_found_by_its_address_and_its_server(around: Make) -> None:
    assert found(around, PRIVATE)["account3"] == ("drifted", "private-account")
    only_the_server = pref("identity.id2.useremail", '"jan@minxyz.example"')
    assert found(around, PRIVATE, only_the_server)["account3"] == ("drifted", "private-account")


@pytest.mark.parametrize(
    ("email", "user", "host", "expected"),
    [
        ("jan@minxyz.example", "jan", "post.hoster.example", FINE),
        ("jan@MinXYZ.example", "jan@minxyz.example", "imap.gmail.com", FINE),
        ("", "jan@minxyz.example", "post.hoster.example", FINE),
        ("", "jan", "imap.minxyz.example", FINE),
        ("", "jan", "minxyz.example", FINE),
        ("", "jan", "imap.anders.example", ("unknown", "unknown-domain")),
        ("", "jan", "notminxyz.example", ("unknown", "unknown-domain")),
        ("jan@devries.example", "jan", "imap.minxyz.example", ("drifted", "private-account")),
        ("jan@minxyz.example", "jan@devries.example", "x.example", ("drifted", "private-account")),
        ("jan", "jan", "imap.minxyz.example", ("unknown", "unknown-domain")),
        ("", "jan", "imap.mail.yahoo.co.uk", ("drifted", "private-account")),
    ],
)
def test_an_account_is_judged_by_address_user_and_server(
    around: Make, email: str, user: str, host: str, expected: tuple[str, str]
) -> None:
    more = [
        pref("identity.id2.useremail", f'"{email}"'),
        pref("server.server3.userName", f'"{user}"'),
        pref("server.server3.hostname", f'"{host}"'),
    ]
    assert found(around, PRIVATE, *more)["account3"] == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("imap", ("drifted", "private-account")),
        ("nntp", ("drifted", "private-account")),
        ("ews", ("drifted", "private-account")),
        ("im", ("unknown", "unknown-type")),
        ("owl", ("unknown", "unknown-type")),
        ("rss", None),
        ("none", None),
    ],
)
def test_each_type_of_account_is_judged(
    around: Make, kind: str, expected: tuple[str, str] | None
) -> None:
    more = pref("server.server3.type", f'"{kind}"')
    assert found(around, PRIVATE, more).get("account3") == expected


@pytest.mark.parametrize(
    ("host", "user", "expected"),
    [
        ("smtp.minxyz.example", "jan@minxyz.example", FINE),
        ("smtp.minxyz.example", "jan", FINE),
        ("smtp.minxyz.example", "", FINE),
        ("smtp.ziggo.nl", "jan", ("drifted", "private-account")),
        ("smtp.gmail.com", "jan@gmail.com", ("drifted", "private-account")),
        ("relay.anders.example", "", ("unknown", "unknown-domain")),
        ("", "", ("unknown", "unknown-domain")),
    ],
)
def test_an_outgoing_server_is_judged(
    around: Make, host: str, user: str, expected: tuple[str, str]
) -> None:
    more = [
        pref("smtpserver.smtp1.hostname", f'"{host}"'),
        pref("smtpserver.smtp1.username", f'"{user}"'),
    ]
    assert found(around, *more)["smtp1"] == expected


OUT = '"secretaris@minxyz.example, jan@gmail.com"'
WITHIN = '"secretaris@minxyz.example"'


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([("doBcc", "true"), ("doBccList", OUT)], ("drifted", "copies-out")),
        ([("doBcc", "true"), ("doBccList", WITHIN)], FINE),
        ([("doBcc", "false"), ("doBccList", OUT)], FINE),
        ([("doBccList", OUT)], FINE),
        ([("doBcc", "true")], FINE),
        ([("doCc", "true"), ("doCcList", OUT)], ("drifted", "copies-out")),
        ([("doCc", "false"), ("doCcList", OUT)], FINE),
        ([("bcc_other", "true"), ("bcc_other_list", OUT)], ("drifted", "copies-out")),
        ([("bcc_others", "true"), ("bcc_list", OUT)], ("drifted", "copies-out")),
        ([("bcc_self", "true"), ("bcc_other_list", OUT)], FINE),
        ([("doBcc", "true"), ("bcc_other", "true"), ("bcc_other_list", OUT)],
         ("drifted", "copies-out")),
        ([("doBcc", "false"), ("bcc_other", "true"), ("bcc_other_list", OUT)], FINE),
        ([("reply_to", '"jan@ziggo.nl"')], ("drifted", "replies-out")),
        ([("reply_to", '"jan@minxyz.example"')], FINE),
        ([("reply_to", '"jan@ziggo.nl"'), ("doCc", "true"), ("doCcList", OUT)],
         ("drifted", "copies-out")),
        ([("doBcc", "true"), ("doBccList", '"De Adviesgroep"')], ("unknown", "not-understood")),
        ([("fcc_folder", '"mailbox://jan@pop.ziggo.nl/Sent"')], ("drifted", "copies-out")),
        ([("fcc", "false"), ("fcc_folder", '"mailbox://jan@pop.ziggo.nl/Sent"')], FINE),
        ([("archive_folder", '"mailbox://jan@pop.ziggo.nl/A"')], ("drifted", "copies-out")),
        ([("fcc_folder", '"imap://jan%40minxyz.example@imap.minxyz.example/Sent"')], FINE),
        ([("fcc_folder", '"imap://wie@daar.example/Sent"')], ("unknown", "unknown-domain")),
    ],
)  # fmt: skip
def test_what_an_identity_copies_out_by_itself_is_found(
    around: Make, more: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    lines = [pref(f"identity.id1.{name}", value) for name, value in more]
    assert found(around, PRIVATE, *lines)["id1"] == expected
    for_all = [line.replace("identity.id1.", "identity.default.") for line in lines]
    if not any("cc_" in line or "Bcc" in line for line in lines):
        assert found(around, PRIVATE, *for_all)["id1"] == expected


def test_without_agreed_domains_nothing_is_judged(around: Make) -> None:
    unknown = ("unknown", "no-agreed-domains")
    copies = [pref("identity.id1.doCc", "true"), pref("identity.id1.doCcList", OUT)]
    assert found(around, *copies, domains=frozenset()) == {
        "account2": unknown,
        "id1": unknown,
        "smtp1": unknown,
    }


@pytest.mark.parametrize(
    "more",
    [
        [pref("account.account9.server", '"x"'), pref("accountmanager.accounts", '"account9"')],
        [pref("accountmanager.accounts", '""')],
        [pref("accountmanager.accounts", "7")],
        [pref("accountmanager.accounts", '"a b"')],
        [pref("server.server2.hostname", "7")],
        [pref("server.server2.hostname", '""')],
        [pref("identity.id1.useremail", "true")],
        [pref("identity.id1.doCc", "1")],
        [pref("identity.id1.reply_to", "true")],
        [pref("smtpservers", "true")],
        ['user_pref("half"'],
    ],
)
def test_what_is_not_understood_is_unknown(around: Make, more: list[str]) -> None:
    assert found(around, *more)[""] == ("unknown", "not-understood")


def test_preferences_that_are_cut_anywhere_are_unknown(around: Make) -> None:
    last = PREFS.rindex("user_pref")
    whole = len(PREFS) - 1  # without the last line's end
    for cut in range(whole):
        ((reason, state),) = {(why, how) for how, why in found(around, prefs=PREFS[:cut]).values()}
        assert (state, reason) in {("unknown", "not-understood"), ("unknown", "half-written")}
    assert found(around, prefs=PREFS[:last]) == {"": ("unknown", "half-written")}
    assert found(around, prefs=PREFS[:whole]) == found(around)


def test_preferences_in_another_order_are_not_thunderbirds(around: Make) -> None:
    lines = PREFS.splitlines(keepends=True)
    assert found(around, prefs="".join(reversed(lines))) == {"": ("unknown", "half-written")}


def test_a_profile_without_accounts_has_nothing_to_judge(around: Make) -> None:
    assert found(around, prefs='user_pref("a.b", 1);\nuser_pref("toolkit.c", 1);\n') == {}


def test_private_providers_are_known_in_every_country_and_by_their_servers() -> None:
    for name in ("gmail.com", "hotmail.nl", "live.nl", "outlook.com", "yahoo.co.uk", "gmx.de"):
        assert is_private(name)
    for name in ("rijksoverheid.nl", "minxyz.example", "office365.com", "notgmail.com", "nl"):
        assert not is_private(name)
    assert is_private_host("imap.ziggo.nl")
    assert is_private_host("imap.mail.yahoo.com")
    assert not is_private_host("outlook.office365.com")
    assert not is_private_host("gmail.com.elders.example")
