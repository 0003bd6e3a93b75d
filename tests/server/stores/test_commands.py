# SPDX-License-Identifier: EUPL-1.2
"""Stores as an operator names them: in the settings, or on the command line."""

import json

import pytest

from lakzegel_server.__main__ import main
from lakzegel_server.layout import Layout
from tests import s3server
from tests.server.stores.conftest import ORIGIN

SECRET = (
    f"[default]\naws_access_key_id = {s3server.KEY}\naws_secret_access_key = {s3server.SECRET}\n"
)


@pytest.fixture
def data(tmp_path, object_bucket, keyring_bucket):
    """A folder whose settings name both stores."""
    folder = tmp_path / "data"
    folder.mkdir()
    credentials = tmp_path / "credentials"
    credentials.write_text(SECRET)
    credentials.chmod(0o600)
    (folder / "settings.toml").write_text(
        f'[stores]\nobjects = "{object_bucket.url}"\nkeyrings = "{keyring_bucket.url}"\n'
        f'objects_credentials = "{credentials}"\nkeyrings_credentials = "{credentials}"\n'
    )
    return folder


def run(command, data, *arguments):
    return main([command, "--data", str(data), *map(str, arguments)])


def test_a_receiver_is_made_checked_backed_up_and_restored(data, tmp_path, capsys):
    assert run("init", data, "--name", ORIGIN) == 0
    assert run("check", data) == 0
    assert "0 doubts" in capsys.readouterr().out
    assert run("backup", data, tmp_path / "out", "--keys") == 0
    assert run("restore", tmp_path / "new", "--from", tmp_path / "out", "--check") == 0
    assert "0 doubts" in capsys.readouterr().out


def test_settings_alone_move_nothing(data, capsys):
    assert run("init", data, "--name", ORIGIN) == 0
    (data / "batches" / "ab.batch").write_bytes(b"1")
    assert run("check", data) == 2
    assert "have to be in one place" in capsys.readouterr().err


def test_orphans_are_told_and_no_doubt(data, object_bucket, capsys):
    assert run("init", data, "--name", ORIGIN) == 0
    object_bucket.put(f"batches/{'ab' * 32}.batch", b"never sealed")
    capsys.readouterr()
    assert run("check", data) == 0
    assert "no doubt: batches/abab" in capsys.readouterr().out
    assert run("check", data, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["orphans"]) == 1


def test_what_is_wrong_is_one_line_before_anything_is_made(data, object_bucket, capsys):
    bad = object_bucket.url.replace(object_bucket.name, "no-such-bucket")
    assert run("init", data, "--name", ORIGIN, "--objects", bad) == 2
    error = capsys.readouterr().err
    assert "no such bucket" in error
    assert error.count("\n") == 1
    assert not Layout(data).config.exists()


def test_a_store_that_is_away_is_exit_3(data, monkeypatch, capsys):
    monkeypatch.setattr("lakzegel_server.stores.s3client.TRIES", 1)
    away = "s3://bucket?endpoint=http://127.0.0.1:1&retain-days=1"
    assert run("init", data, "--name", ORIGIN, "--objects", away) == 3
    assert "store: the store cannot be reached" in capsys.readouterr().err


def test_credentials_that_others_can_read_are_refused(data, tmp_path, capsys):
    (tmp_path / "credentials").chmod(0o644)
    assert run("init", data, "--name", ORIGIN) == 2
    assert "others can open it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a [default]"),
        ("[default]\naws_access_key_id = x\n", "not a [default]"),
        ("aws_access_key_id = x\n", "not a [default]"),
    ],
)
def test_a_file_without_credentials_is_refused(data, tmp_path, capsys, text, why):
    (tmp_path / "credentials").write_text(text)
    assert run("init", data, "--name", ORIGIN) == 2
    assert why in capsys.readouterr().err
