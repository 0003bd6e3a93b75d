# SPDX-License-Identifier: EUPL-1.2
"""The escrow in SLIP-39 shares: what gives the key, what does not, and the rehearsal."""

import hashlib
import hmac
import itertools
import os
import stat
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic.wordlist import WORDLIST

from lakzegel_core.age import Identity
from lakzegel_office import durable
from lakzegel_office.errors import UsageError
from lakzegel_office.journal import Journal, journal_key
from lakzegel_office.keys.periodkeys import erase_private_keys
from lakzegel_office.keys.shares import Group, combine, parse, split
from lakzegel_office.keys.sheets import read_sheet
from lakzegel_office.vault import INDEX, Vault

from .killing import Killed, killed_before

SECRET = bytes(range(32))
CHEAP = 0


def made(groups="2/3", needed=1, *, secret=SECRET, passphrase=""):
    found = split(
        secret,
        [Group.parse(text) for text in groups.split()],
        needed,
        passphrase=passphrase,
        iterations=CHEAP,
    )
    return [share for group in found for share in group]


# SLIP-0039 as its text says it, without the library: what any other tool does.


def _times(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _inverse(a):
    return next(b for b in range(1, 256) if _times(a, b) == 1)


def _at(x, points):
    out = bytearray(len(next(iter(points.values()))))
    for i, value in points.items():
        factor = 1
        for j in points:
            if j != i:
                factor = _times(_times(factor, x ^ j), _inverse(i ^ j))
        out = bytearray(o ^ _times(factor, v) for o, v in zip(out, value, strict=True))
    return bytes(out)


def _fields(words):
    bits = "".join(f"{WORDLIST.index(word):010b}" for word in words)
    sizes, found, at = (15, 1, 4, 4, 4, 4, 4, 4), [], 0
    for size in sizes:
        found.append(int(bits[at : at + size], 2))
        at += size
    return found, int(bits[at:-30], 2).to_bytes(32, "big")


def by_hand(shares, passphrase=b""):
    """The secret of a threshold of shares of one group of one."""
    heads, values = zip(*(_fields(share.words) for share in shares), strict=True)
    identifier, extendable, exponent = heads[0][:3]
    assert extendable == 1
    points = {head[6]: value for head, value in zip(heads, values, strict=True)}
    sealed, digest = _at(255, points), _at(254, points)
    assert hmac.digest(digest[4:], sealed, "sha256")[:4] == digest[:4]
    left, right = sealed[:16], sealed[16:]
    for step in (3, 2, 1, 0):
        key = hashlib.pbkdf2_hmac("sha256", bytes([step]) + passphrase, right, 2500 << exponent, 16)
        left, right = right, bytes(a ^ b for a, b in zip(left, key, strict=True))
    del identifier
    return right + left


def test_what_the_specifications_text_says_gives_the_same_secret_as_the_library():
    for passphrase in ("", "open sesam 39"):
        shares = made("3/5", passphrase=passphrase)
        assert by_hand(shares[1:4], passphrase.encode()) == SECRET
        assert combine(shares[1:4], passphrase=passphrase) == SECRET


@settings(max_examples=10, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 4), st.integers(0, 3), st.data())
def test_any_threshold_of_the_shares_gives_the_secret_and_one_fewer_gives_nothing(
    secret, threshold, more, data
):
    shares = made(f"{threshold}/{threshold + more}", secret=secret)
    drawn = data.draw(st.permutations(shares))
    assert combine(drawn[:threshold]) == secret
    assert combine(drawn) == secret  # more than it takes is no fault
    with pytest.raises(UsageError, match="too few shares"):
        combine(drawn[: threshold - 1])


def test_of_groups_as_many_are_needed_as_was_said():
    shares = made("2/2 1/1 2/3", needed=2)
    assert combine(shares[:3]) == SECRET
    assert combine([shares[2], *shares[4:]]) == SECRET
    for too_few in (shares[:2], [shares[0], shares[2], shares[3]]):
        with pytest.raises(UsageError, match="too few shares"):
            combine(too_few)


def test_shares_of_two_sets_of_one_secret_do_not_mix():
    one, other = made(), made()
    with pytest.raises(UsageError, match="more than one set"):
        combine([one[0], other[1]])


def test_the_same_share_twice_counts_once():
    shares = made()
    with pytest.raises(UsageError, match="too few shares"):
        combine([shares[0], shares[0]])


def test_a_damaged_word_is_found_wherever_it_is_and_not_repeated_in_the_message():
    share = made()[0]
    for place in range(33):
        words = list(share.words)
        words[place] = WORDLIST[(WORDLIST.index(words[place]) + 1) % 1024]
        with pytest.raises(UsageError, match="checksum") as caught:
            parse(words)
        assert words[place] not in str(caught.value)
    for words in (share.words[:-1], (*share.words[:-1], "lakzegel"), ()):
        with pytest.raises(UsageError):
            parse(words)


def test_another_passphrase_gives_another_key_and_that_is_no_escrow_of_the_office(world, tmp_path):
    shares = made(passphrase="a")
    assert combine(shares, passphrase="b") != SECRET
    with pytest.raises(UsageError, match="printable ASCII"):
        made(passphrase="é")


@pytest.mark.parametrize("groups", ["0/3", "4/3", "1/2", "2/17", "x", "2-3"])
def test_groups_that_make_no_sense_are_refused(groups):
    with pytest.raises(UsageError):
        made(groups)


# the office


@pytest.fixture
def sheets(world, device, tmp_path, capsys):
    """How to split the escrow, and the sheets."""
    for number in range(3):
        device.send_files({f"f{number}": b"x"})
    world.pull()

    def cut(*more, out="sheets"):
        folder = tmp_path / out
        command = ["keys", "escrow", "split", "--threshold", "2", "--shares", "3"]
        assert world.run(*command, "--iterations", "0", *more, str(folder)) == 0
        return sorted(folder.iterdir())

    return cut


def given_as(files):
    return [part for file in files for part in ("--share", str(file))]


def events(world):
    key = journal_key(world.vault.load(INDEX))
    return [entry.says for entry in Journal(world.home.records / "keys.jsonl", key).read()]


def test_the_escrow_leaves_the_vault_and_a_rehearsal_opens_original_keyrings(world, sheets, capsys):
    secret = world.vault.load("escrow").decode()
    files = sheets()
    assert not world.vault.has("escrow")
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    before = {p: p.read_bytes() for p in world.home.keys.rglob("*.age")}
    capsys.readouterr()
    assert world.run("keys", "escrow", "recover", *given_as(files[1:]), "--sample", "2") == 0
    assert "opened 2 of 2 keyrings" in capsys.readouterr().out
    assert {p: p.read_bytes() for p in world.home.keys.rglob("*.age")} == before
    assert [row["event"] for row in events(world)] == ["escrow-split", "escrow-sample"]
    assert [row["action"] for row in world.trail()] == ["escrow-split", "escrow-sample"]
    assert secret not in repr(events(world)) + repr(world.trail())
    assert world.run("verify", "--quiet", "--open") == 0


def test_a_sheet_is_read_back_as_it_was_printed_or_typed_and_tells_its_holder_what_to_do(
    world, sheets, tmp_path
):
    files = sheets()
    text = files[0].read_text()
    assert "DEEL 1 VAN 3" in text
    assert "SHARE 1 OF 3" in text
    assert "Nodig om de sleutel te herstellen: 2 delen." in text
    typed = tmp_path / "typed"
    typed.write_text(" ".join(read_sheet(files[0]).words).upper() + "\n")
    assert read_sheet(typed).words == read_sheet(files[0]).words
    assert world.run("keys", "escrow", "recover", *given_as([typed, files[2]])) == 0


def test_restore_puts_the_very_key_back_and_says_why(world, sheets, capsys):
    secret = world.vault.load("escrow")
    files = sheets()
    command = ["keys", "escrow", "recover", *given_as(files), "--restore"]
    assert world.run(*command) == 2  # no reason
    assert world.run(*command, "--reason", "records.age is lost") == 0
    assert world.vault.load("escrow") == secret
    assert world.trail()[-1]["reason"] == "records.age is lost"
    assert world.run("keys", "period", "begin", "next") == 0
    first = world.config.periods.get("first")
    erase_private_keys(
        world.home, world.config, world.vault, first, now=datetime(2028, 1, 1, tzinfo=UTC)
    )
    capsys.readouterr()
    for more in ([], ["--restore", "--reason", "toch weer"]):
        assert world.run("keys", "escrow", "recover", *given_as(files), *more) == 1
        assert "destroy them" in capsys.readouterr().err
    assert not world.vault.has("escrow")


def test_with_the_records_key_lost_the_escrow_still_opens(world, sheets, capsys):
    files = sheets()
    world.vault.destroy("records")
    assert world.run("keys", "escrow", "recover", *given_as(files)) == 0
    assert "opened 3 of 3" in capsys.readouterr().out


def test_a_keyring_that_the_escrow_does_not_open_is_named_and_on_record(
    world, sheets, device, capsys
):
    device.recipients = [world.config.recipients["records"]]
    device.send_files({"g": b"x"})
    world.pull()
    files = sheets()
    assert world.run("keys", "escrow", "recover", *given_as(files)) == 1
    assert "minister/0/3: its original keyring is NOT opened" in capsys.readouterr().out
    assert events(world)[-1]["result"] == "failed"


def test_shares_of_another_office_or_too_few_are_refused(world, sheets, tmp_path, capsys):
    files = sheets()
    assert world.run("keys", "escrow", "recover", *given_as(files[:1])) == 2
    assert "too few" in capsys.readouterr().err
    others = []
    for number, share in enumerate(made(secret=os.urandom(32))):
        others.append(tmp_path / f"other{number}")
        others[-1].write_text(" ".join(share.words))
    assert world.run("keys", "escrow", "recover", *given_as(others)) == 2
    assert "no escrow key of this office" in capsys.readouterr().err
    assert world.run("keys", "escrow", "recover", *given_as([files[0], others[0]])) == 2
    assert world.run("keys", "escrow", "sample") == 2


def test_while_the_escrow_is_in_the_vault_the_sample_takes_it_from_there(world, device, capsys):
    device.send_files({"a": b"x"})
    world.pull()
    with pytest.raises(SystemExit):
        world.run("keys", "escrow", "sample", "--sample", "0")  # a sample of none is none
    assert world.run("keys", "escrow", "sample") == 0
    assert "opened 1 of 1" in capsys.readouterr().out


def test_a_kill_at_any_write_of_a_split_loses_no_key(world, tmp_path):
    secret = Identity.from_text(world.vault.load("escrow").decode())
    home = world.home.root
    writes = (durable, "_write_synced"), (durable, "append_at"), (Vault, "destroy")
    for number in itertools.count():
        folder = tmp_path / f"try{number}"
        try:
            with killed_before(number, writes):
                assert world.run(
                    *("keys", "escrow", "split", "--threshold", "2", "--shares", "2"),
                    *("--iterations", "0", str(folder)),
                ) == 0  # fmt: skip
            break
        except Killed:
            assert world.vault.has("escrow")
    assert number >= 3
    assert home.exists()
    got = combine([read_sheet(path) for path in folder.iterdir()])
    assert Identity.from_seed(got) == secret
