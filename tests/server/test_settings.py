# SPDX-License-Identifier: EUPL-1.2
"""The operator's settings: absent, right, and wrong in every way that a person can be."""

import pytest

from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.settings import MAX_SETTINGS, Settings, load, read_secret


def write(path, text, mode=0o600):
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_without_a_file_the_defaults_hold(tmp_path):
    assert load(Layout(tmp_path)) == Settings()


def test_an_empty_file_is_all_defaults(tmp_path):
    write(tmp_path / "settings.toml", b"")
    assert load(Layout(tmp_path)) == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'secret = "hunter2"\n', "secret: extra inputs are not permitted"),
        (b"=\n", "line 1"),
        (b"\xff\n", "utf-8"),
        (b"#" * (MAX_SETTINGS + 1), "more than"),
        (b"a=" + b"[" * 5000 + b"\n", "nested too deeply"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong_and_never_with_a_value(tmp_path, text, says):
    write(tmp_path / "settings.toml", text)
    with pytest.raises(ConfigError) as error:
        load(Layout(tmp_path))
    assert str(tmp_path / "settings.toml") in str(error.value)
    assert says in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_secret_is_the_one_line_of_its_file(tmp_path):
    assert read_secret(write(tmp_path / "s", b"correct horse\n")) == "correct horse"
    assert read_secret(write(tmp_path / "s", "zégel".encode())) == "zégel"


@pytest.mark.parametrize("text", [b"", b"\n", b"a\nb\n", b"a" * 4097, b"\xff"])
def test_a_file_that_is_not_one_line_holds_no_secret(tmp_path, text):
    with pytest.raises(ConfigError, match=r"line|UTF-8"):
        read_secret(write(tmp_path / "s", text))


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="others can open it"):
        read_secret(write(tmp_path / "s", b"x\n", mode=0o640))


def test_a_secret_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ConfigError, match="gone: No such file"):
        read_secret(tmp_path / "gone")


LOGIN = """
[office]
url = "https://records.example"
token_file = "{0}"
"""


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The folder of credentials of a service."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "given"))
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def test_a_secret_can_be_what_the_service_manager_gave_under_a_name(tmp_path, given):
    write(tmp_path / "settings.toml", LOGIN.format("$CREDENTIALS_DIRECTORY/token").encode())
    assert load(Layout(tmp_path)).office.token_file == given / "token"


@pytest.mark.parametrize("name", ["", "/", "/..", "/../token", "/a/b"])
def test_nothing_but_a_name_below_the_folder_is_one(tmp_path, given, name):
    assert given.is_dir()
    write(tmp_path / "settings.toml", LOGIN.format(f"$CREDENTIALS_DIRECTORY{name}").encode())
    with pytest.raises(ConfigError, match="not the name of a credential"):
        load(Layout(tmp_path))


def test_without_a_service_manager_there_are_no_credentials(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    write(tmp_path / "settings.toml", LOGIN.format("$CREDENTIALS_DIRECTORY/token").encode())
    with pytest.raises(ConfigError, match="only a service of systemd has it"):
        load(Layout(tmp_path))


def test_a_credential_may_be_roots_with_an_access_list_and_no_other_file_may(tmp_path, given):
    assert read_secret(write(given / "token", b"x\n", mode=0o440)) == "x"
    for mode in (0o444, 0o460):
        with pytest.raises(ConfigError, match="others can open it"):
            read_secret(write(given / f"{mode:o}", b"x\n", mode=mode))
    with pytest.raises(ConfigError, match="others can open it"):
        read_secret(write(tmp_path / "token", b"x\n", mode=0o440))
