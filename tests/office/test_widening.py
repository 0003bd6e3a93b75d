# SPDX-License-Identifier: EUPL-1.2
"""What a policy widens is said in words, and the privacy officer signs what she was shown."""

import json
import os
from types import SimpleNamespace

import pytest

from lakzegel_core.age import Identity
from lakzegel_core.policy import parse_policy_toml
from lakzegel_office.__main__ import main
from lakzegel_office.keys.periods import first_period
from lakzegel_office.widening import MARK, Shown, widened

ANNEX = """device = "minister"

[[source]]
name = "s1"
path = "~/Mail"

[exclude]
folders = ["Huis", "Arts"]
"""


def text(config, *, serial=1, source='path = "~/Mail/Werk"', extra="", recipients=None):
    named = recipients or [r.to_text() for r in config.recipients.values()]
    return f"""serial = {serial}
audience = ["device:minister"]
expires = 2036-01-01
recipients = {json.dumps(named)}
cadence = "0s"
{extra}
[[source]]
name = "s1"
kind = "maildir"
{source}
"""


@pytest.fixture(scope="module")
def config():
    """As much of an office as a comparison needs."""
    identities = {role: Identity.from_seed(os.urandom(32)) for role in ("records", "escrow")}
    recipients = {role: identity.recipient for role, identity in identities.items()}
    return SimpleNamespace(periods=first_period(recipients), recipients=recipients)


def lines(config, old, new):
    old, new = parse_policy_toml(old), parse_policy_toml(new)
    return [line.removeprefix(MARK) for line in widened([old], new, config, lambda _: {})]


SOURCE = 'path = "~/Mail/Werk"'
SECOND = '\n[[source]]\nname = "s2"\nkind = "folder"\npath = "/x"'
GUARDS = '\n[guards]\nthunderbird-retention = "{}"'
ACCOUNTS = SOURCE + "\naccounts = [{}]"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (SOURCE, 'path = "~/Mail"', "a wider path, ~/Mail, was ~/Mail/Werk"),
        (SOURCE, 'path = "~/Post"', "another path, ~/Post"),
        (SOURCE, 'path = "~/*"', "another path, ~/*"),
        (SOURCE, 'path = "~/Mail/Werk/../.."', "another path"),
        (SOURCE, SOURCE + SECOND, "new source s2"),
        (ACCOUNTS.format('"a@b.nl"'), ACCOUNTS.format('"a@b.nl", "c@d.nl"'), "account c@d.nl too"),
        (ACCOUNTS.format('"a@b.nl"'), SOURCE, "any account is captured"),
        (SOURCE, SOURCE + '\ncapture = "raw"', "the raw database too"),
        (SOURCE, SOURCE + '\ncustody = "telefoon-2"', "bound to telefoon-2"),
        (SOURCE + GUARDS.format("enforce"), SOURCE + GUARDS.format("off"), "off, was enforce"),
        (SOURCE + GUARDS.format("enforce"), SOURCE + GUARDS.format("report"), "only report"),
        (SOURCE + GUARDS.format("report"), SOURCE, "off, was report"),
    ],
)  # fmt: skip
def test_each_widening_is_said_in_words(config, before, after, said):
    (line,) = lines(config, text(config, source=before),
                    text(config, source=after, serial=2))  # fmt: skip
    assert said in line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SOURCE, SOURCE),
        ('path = "~/Mail"', SOURCE),
        (SOURCE, ACCOUNTS.format('"a@b.nl"')),
        (ACCOUNTS.format('"a@b.nl", "c@d.nl"'), ACCOUNTS.format('"a@b.nl"')),
        (SOURCE + '\ncapture = "raw"', SOURCE),
        (SOURCE + GUARDS.format("off"), SOURCE + GUARDS.format("enforce")),
    ],
)
def test_a_narrowing_is_none(config, before, after):
    assert lines(config, text(config, source=before),
                 text(config, source=after, serial=2)) == []  # fmt: skip


def test_a_recipient_that_is_not_the_offices_is_called_that(config):
    own = [r.to_text() for r in config.recipients.values()]
    foreign = Identity.from_seed(bytes(32)).recipient.to_text()
    (line,) = lines(config, text(config), text(config, recipients=[*own, foreign], serial=2))
    assert "NOT THIS OFFICE'S" in line


def test_a_new_audience_is_compared_with_what_it_had_and_not_with_anothers(config):
    narrow = text(config).replace("device:minister", "group:b")
    wide = text(config, source='path = "~"', serial=5)
    draft = text(config, source='path = "~"', serial=6).replace(
        '["device:minister"]', '["device:minister", "group:b", "group:c"]'
    )
    policies = [parse_policy_toml(narrow), parse_policy_toml(wide)]
    found = list(widened(policies, parse_policy_toml(draft), config, lambda _: {}))
    assert any("a wider path, ~, was ~/Mail/Werk" in line for line in found)
    assert any("group:c had no policy" in line for line in found)


def test_the_digest_is_of_the_very_lines():
    assert Shown(("a", "b")).digest != Shown(("ab",)).digest
    assert not Shown(("+ a",)).widens
    assert Shown((MARK + "a",)).widens


@pytest.fixture
def petra(world, tmp_path):
    """A privacy officer, and how she runs a command."""
    file = tmp_path / "petra"
    file.write_text("petra weet dit alleen\n")
    new = ["--new-passphrase-file", str(file), "--work-factor", "5"]
    assert world.run("staff", "add", "petra", "--roles", "privacy", *new) == 0

    def run(*arguments):
        home = ["--home", str(world.home.root), "--passphrase-file", str(file), "--as", "petra"]
        return main([*arguments, *home])

    return run


def digest_of(out):
    return next(line for line in out.splitlines() if "digest of the above" in line).split()[-1]


def test_cosign_takes_the_digest_of_what_was_shown_and_the_trail_keeps_it(
    world, device, petra, tmp_path, capsys
):
    world.pull()
    file, annex = tmp_path / "p.toml", tmp_path / "a.toml"
    file.write_text(text(world.config, source=""))
    annex.write_text(ANNEX)
    assert world.run("policy", "sign", str(file), "--annex", f"minister={annex}") == 0
    capsys.readouterr()
    assert petra("policy", "cosign", str(file)) == 2
    shown = capsys.readouterr()
    digest = digest_of(shown.out)
    assert "--i-have-read" in shown.err
    assert petra("policy", "cosign", str(file), "--i-have-read", "x" + digest[1:]) == 2
    assert petra("policy", "cosign", str(file), "--i-have-read", digest) == 0
    said = world.trail()[-1]
    assert (said["action"], said["actor"]) == ("policy-cosign", "petra")
    assert said["object"] == {"policy": "1", "shown": digest, "widens": "yes"}
    world.receiver.append((tmp_path / "p.toml.note").read_bytes())
    assert world.pull().doubts == []

    # fewer exclusions, in an annex that she can read though she has no key of the office
    file.write_text(text(world.config, source="", serial=2))
    annex.write_text(ANNEX.replace('"Huis", ', ""))
    assert world.run("policy", "sign", str(file), "--annex", f"minister={annex}") == 0
    capsys.readouterr()
    assert petra("policy", "cosign", str(file)) == 2
    assert "minister: Huis is no private folder any more" in capsys.readouterr().out
    annex.write_text(ANNEX.replace('"Huis", ', '"Huis", "Sport", '))
    assert world.run("policy", "sign", str(file), "--annex", f"minister={annex}") == 0
    assert petra("policy", "cosign", str(file)) == 0  # more exclusions widen nothing


def test_a_path_cannot_forge_a_line_or_move_the_cursor(world, device, tmp_path, capsys):
    file = tmp_path / "p.toml"
    file.write_text(text(world.config, source=r'path = "/x\u001b[1A\n+ nothing\u202e"'))
    capsys.readouterr()
    assert world.run("policy", "diff", str(file)) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\n+ nothing" not in out
