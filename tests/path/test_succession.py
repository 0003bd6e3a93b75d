# SPDX-License-Identifier: EUPL-1.2
"""A receiver whose keys are gone: a new log continues the old one, and the office says where."""

import json
import shutil

import pytest

NEW = "log.example/path-2"


@pytest.fixture
def former(ready):
    """A custody that sealed something, and whose receiver is no more."""
    folder = ready.root / "device" / "map"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "een.txt").write_bytes(b"een")
    ready.once()
    ready.pull()
    ready.server.kill()
    shutil.rmtree(ready.server.data)
    return ready


@pytest.fixture
def successor(former, lakzegel):
    """A new receiver and a new office home beside it; its delegation is published."""
    root = former.root / "anew"
    data, home, token = root / "server", root / "office", root / "records.token"
    root.mkdir()
    lakzegel("server", "init", "--data", data, "--name", NEW)
    lakzegel(
        *("server", "account", "add", "--data", data, "--role", "records"),
        *("--token-file", token, "records"),
    )
    passphrase = ("--passphrase-file", former.root / "passphrase")
    lakzegel(
        *("office", "init", "--home", home, "--log-keys", data / "log.keys"),
        *("--org", "records.example", "--work-factor", "5", "--server", "http://127.0.0.1:9"),
        *("--account-file", token, *passphrase),
    )
    return data, home, passphrase


def publish(lakzegel, data, note, expect=0):
    return lakzegel("server", "publish", "--data", data, note, expect=expect)


def sign(lakzegel, former, successor, expect=0):
    _, home, passphrase = successor
    out = former.root / "succession.note"
    done = lakzegel(
        *("office", "succession", "--home", home, "--former", former.office_home, out),
        *passphrase,
        expect=expect,
    )
    return out, done


def test_the_new_log_says_where_the_old_one_ended_and_both_verify(former, successor, lakzegel):
    data, home, passphrase = successor
    note, done = sign(lakzegel, former, successor)
    assert f"{NEW} continues log.example/path after" in done.stdout
    publish(lakzegel, data, home / "notes" / "delegation.note")
    publish(lakzegel, data, note)
    assert "succession" in note.read_text()
    former.server.data, former.server.listen = data, "127.0.0.1:0"
    former.server.start()
    config = home / "office.toml"
    config.write_text(config.read_text().replace("http://127.0.0.1:9", former.server.url))
    lakzegel("office", "pull", "--home", home, *passphrase)
    both = ("office", "verify", "--home", home, "--former", former.office_home)
    assert "continues log.example/path after its" in lakzegel(*both).stdout
    said = json.loads(lakzegel(*both, "--json").stdout)
    assert said["verified"]
    assert said["continues"]["origin"] == "log.example/path"
    assert said["continues"]["reason"] == "key-lost"
    wrong = lakzegel(
        *("office", "verify", "--home", former.office_home, "--former", home), expect=1
    )
    assert "does not say that it continues another log" in wrong.stdout


def test_it_is_refused_after_anything_but_the_delegation(former, successor, lakzegel):
    data, home, passphrase = successor
    note, _ = sign(lakzegel, former, successor)
    assert "refused (not-admitted)" in publish(lakzegel, data, note, expect=1).stderr
    publish(lakzegel, data, home / "notes" / "delegation.note")
    token = former.root / "token-new"
    lakzegel("office", "admit", "--home", home, "--device", "laptop-1", token, *passphrase)
    publish(lakzegel, data, token.with_name("token-new.note"))
    assert "refused (chain)" in publish(lakzegel, data, note, expect=1).stderr


def test_nothing_is_signed_over_a_mirror_that_does_not_hold(former, successor, lakzegel):
    batch = next((former.office_home / "mirror" / "batches").iterdir())
    batch.write_bytes(batch.read_bytes()[:-1] + b"\0")
    note, done = sign(lakzegel, former, successor, expect=2)
    assert "1 doubts" in done.stderr
    assert not note.exists()
