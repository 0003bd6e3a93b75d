# SPDX-License-Identifier: EUPL-1.2
"""An index in PostgreSQL, as the operator names it to the commands (stores.md §1)."""

from pathlib import Path

import pytest

from lakzegel_server import accounts
from lakzegel_server.__main__ import main
from lakzegel_server.database import Database
from lakzegel_server.index.place import Address
from lakzegel_server.layout import Layout
from lakzegel_server.schema import VERSION

SECRET = "sw0rdfish"
NOBODY = f"postgresql://lakzegel:{SECRET}@127.0.0.1:1/lakzegel?connect_timeout=2"


@pytest.fixture
def made(address, tmp_path):
    """DATA of a receiver whose index is in PostgreSQL, as its settings say."""
    data = tmp_path / "data"
    init = ["init", "--data", str(data), "--name", "log.example/test"]
    assert main([*init, "--database", address.url]) == 0
    (data / "settings.toml").write_text(f'[stores]\ndatabase = "{address.url}"\n')
    return data


def test_the_settings_or_the_command_line_name_the_index(made, address, capsys):
    assert not (made / "index.sqlite").exists()
    add = ["account", "add", "--data", str(made), "--role", "it", "jan"]
    assert main(add) == 0
    (made / "settings.toml").unlink()
    assert main(["account", "list", "--data", str(made)]) == 2
    assert "is gone" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["account", "list", "--data", str(made), "--database", address.url]) == 0
    assert capsys.readouterr().out == "jan it\n"
    database = Database.open_readonly(address)
    assert [account.name for account in accounts.listing(database)] == ["jan"]
    database.close()


def test_two_indices_of_one_log_are_refused(made, capsys):
    (made / "index.sqlite").touch()
    assert main(["account", "list", "--data", str(made)]) == 2
    assert "beside the index in postgresql://" in capsys.readouterr().err


def test_an_index_of_another_log_is_not_taken_for_a_new_one(made, address, tmp_path, capsys):
    init = ["init", "--data", str(tmp_path / "other"), "--name", "log.example/other"]
    assert main([*init, "--database", address.url]) == 2
    assert "already holds an index" in capsys.readouterr().err
    assert not (tmp_path / "other" / "keys").exists()


def test_a_server_that_is_away_is_named_without_the_password(made, capsys):
    assert main(["account", "list", "--data", str(made), "--database", NOBODY]) == 3
    told = capsys.readouterr().err
    assert "postgresql://127.0.0.1:1/lakzegel" in told
    assert SECRET not in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("schema", ["pg_catalog", "nowhere"])
def test_a_role_that_may_make_no_tables_there_is_told_what_it_needs(
    schema, cluster, tmp_path, capsys
):
    url = f"{cluster.url(user='lakzegel')}&options=-csearch_path%3D{schema}"
    init = ["init", "--data", str(tmp_path / "data"), "--name", "log.example/test"]
    assert main([*init, "--database", url]) == 2
    assert "let the role own the database" in capsys.readouterr().err
    assert not (tmp_path / "data" / "keys").exists()


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql//x", f"postgresql://a:{SECRET}\n@b/c"])
def test_what_is_no_address_is_refused_and_not_repeated(made, url, capsys):
    assert main(["account", "list", "--data", str(made), "--database", url]) == 2
    told = capsys.readouterr().err
    assert "postgresql://" in told
    assert SECRET not in told
    (made / "settings.toml").write_text(f"[stores]\ndatabase = {url!r}\n".replace("'", '"'))
    assert main(["account", "list", "--data", str(made)]) == 2
    told = capsys.readouterr().err
    assert "stores.database" in told
    assert SECRET not in told


def test_an_address_shows_server_and_database_alone():
    found = Address.parse(f"postgresql://me:{SECRET}@db.example:5433/log?password={SECRET}")
    assert (str(found), repr(found)) == ("postgresql://db.example:5433/log",) * 2
    assert SECRET not in repr(Layout(Path("data"), index=found))


def test_a_newer_versions_tables_are_refused_and_not_changed(made, address, capsys):
    database = Database.open(address)
    with database.transaction() as change:
        change.execute("UPDATE lakzegel_version SET version = ?", (VERSION + 1,))
        change.execute("DROP TABLE told")
    database.close()
    assert main(["account", "list", "--data", str(made)]) == 2
    assert "install the newer one again" in capsys.readouterr().err
    database = Database.open_readonly(address)
    with pytest.raises(Exception, match="told"):
        database.connection.execute("SELECT * FROM told")
    database.close()


def test_what_an_earlier_program_did_not_have_is_made(made, address):
    database = Database.open(address)
    database.connection.execute("DROP TABLE told")
    database.close()
    database = Database.open(address)
    assert database.connection.execute("SELECT count(*) FROM told").fetchone() == (0,)
    database.close()
