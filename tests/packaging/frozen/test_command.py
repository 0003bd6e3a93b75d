# SPDX-License-Identifier: EUPL-1.2
"""The command that makes packages says in one line what is wrong with what it was given."""

import pytest

from lakzegel_frozen import launchers
from lakzegel_frozen.__main__ import main
from lakzegel_frozen.errors import FrozenError


def test_it_tells_a_digest(tmp_path, capsys):
    (tmp_path / "a").write_text("a")
    assert main(["digest", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.strip()) == 64


@pytest.mark.parametrize("there", [True, False])
def test_another_runtime_or_none_is_one_line(tmp_path, capsys, there):
    folder = tmp_path / "runtime"
    if there:
        folder.mkdir()
    arguments = ["--target", "windows-x86_64", "--runtime", str(folder), "--runtime-sha256", "00"]
    assert main(["package", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder) in said
    assert not (tmp_path / "out").exists()


def test_a_compiler_that_refuses_or_is_not_there_is_one_line(opened, tmp_path):
    with pytest.raises(FrozenError, match=r"no-such-compiler: .*; name another --compiler"):
        launchers.build(opened, tmp_path, ["no-such-compiler"])
    with pytest.raises(FrozenError, match=r"launcher\.c: false refuses it"):
        launchers.build(opened, tmp_path, ["false"])
