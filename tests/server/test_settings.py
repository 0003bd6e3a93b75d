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
