# SPDX-License-Identifier: EUPL-1.2
"""The runtime is an input that is what it is pinned to be."""

import os

import pytest

from lakzegel_frozen import runtime
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.targets import TARGETS

LINUX = TARGETS["linux-x86_64"]


def small(root):
    (root / "lib").mkdir()
    (root / "lib/a.py").write_text("a\n")
    (root / "b").write_text("b\n")
    (root / "b").chmod(0o755)
    (root / "c").symlink_to("b")
    return root


def test_the_digest_is_what_the_specification_shows(tmp_path):
    # printf of the three lines of docs/spec/frozen.md §3, and sha256sum of that
    assert runtime.digest(small(tmp_path)) == (
        "a11665a7266d92845af6920096c751041b7a5aad0811db18f869b9f5e7cb0587"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "lib/a.py").write_text("A\n"),
        lambda root: (root / "b").chmod(0o644),
        lambda root: (root / "b").rename(root / "d"),
        lambda root: (root / "lib/more").write_text(""),
        lambda root: ((root / "c").unlink(), (root / "c").symlink_to("lib")),
    ],
    ids=["content", "right", "name", "one more", "link"],
)
def test_the_digest_changes_with_whatever_changes(tmp_path, change):
    before = runtime.digest(small(tmp_path))
    change(tmp_path)
    assert runtime.digest(tmp_path) != before


def test_another_runtime_than_the_pinned_one_is_refused(tmp_path):
    small(tmp_path)
    with pytest.raises(FrozenError, match=r"its digest is [0-9a-f]{64}, and not the pinned 00"):
        runtime.open_runtime(tmp_path, LINUX, "00")


def test_a_pinned_folder_that_is_no_runtime_is_refused(tmp_path):
    small(tmp_path)
    with pytest.raises(FrozenError, match=r"Python\.h: not there"):
        runtime.open_runtime(tmp_path, LINUX, runtime.digest(tmp_path))


def test_what_is_neither_file_nor_link_is_refused(tmp_path):
    os.mkfifo(small(tmp_path) / "fifo")
    with pytest.raises(FrozenError, match="fifo: neither a file nor a link"):
        runtime.digest(tmp_path)


def test_what_is_taken_has_no_tests_no_tools_and_no_headers(tree):
    names = {path.stem for path in (tree / "lib/runtime/lib").iterdir()}
    assert {"os", "ssl", "sqlite3", "encodings"} <= names
    assert names.isdisjoint({"test", "idlelib", "ensurepip", "venv", "site-packages"})
    assert not list(tree.rglob("Python.h"))
