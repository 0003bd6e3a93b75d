# SPDX-License-Identifier: EUPL-1.2
"""The judge's command with files that are not what they should be."""

import pytest

from lakzegel_verify.__main__ import main

LOG = "log log.example/a+0c2f1f2a+AUm1\n"  # not a key at all


@pytest.fixture
def files(tmp_path):
    for name in ("proof", "file", "keys"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def run(files):
    return main([str(files / "proof"), str(files / "file"), "--keys", str(files / "keys")])


@pytest.mark.parametrize("text", ["", LOG, "threshold 2\n", "nonsense\n", "threshold x\n", "\xff"])
def test_an_unusable_key_file_is_exit_2_and_one_line(files, capsys, text):
    (files / "keys").write_bytes(text.encode("latin-1"))
    assert run(files) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "no usable key file" in captured.err


def test_a_missing_file_is_exit_2(files):
    (files / "keys").unlink()
    assert run(files) == 2


def test_arguments_that_are_missing_are_exit_2():
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
