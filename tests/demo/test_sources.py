# SPDX-License-Identifier: EUPL-1.2
"""The folders to watch are refused before anything is started."""

import pytest

from lakzegel_demo.errors import UsageError
from lakzegel_demo.sources import watched


def test_a_source_is_named_by_its_folder_and_numbered_for_the_receiver(tmp_path):
    for name in ("Postvak", "Chats"):
        (tmp_path / name).mkdir()
    found = watched([f"maildir:{tmp_path}/Postvak", f"folder:{tmp_path}/Chats/"])
    assert [(s.kind, s.name, s.opaque) for s in found] == [
        ("maildir", "Postvak", "s1"),
        ("folder", "Chats", "s2"),
    ]


def test_two_folders_of_one_name_are_refused_by_name(tmp_path):
    for name in ("a/mail", "b/mail"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"a/mail and .*b/mail have one name, 'mail'"):
        watched([f"eml:{tmp_path}/a/mail", f"eml:{tmp_path}/b/mail"])


@pytest.mark.parametrize("text", ["mail", "maildir:", ":/tmp", "Mail Dir:/tmp", "../x:/tmp"])
def test_what_is_not_kind_and_folder_is_refused(text):
    with pytest.raises(UsageError, match="give KIND:DIR"):
        watched([text])


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is not a folder"):
        watched([f"eml:{tmp_path}/nowhere"])


@pytest.mark.parametrize("name", [".versions", "a\nb", "back\\slash", "x" * 129, "caf\udce9"])
def test_a_folder_whose_name_cannot_be_a_label_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError):
        watched([f"eml:{tmp_path / name}"])


def test_a_trailing_dot_is_the_folder_itself(tmp_path, monkeypatch):
    (tmp_path / "mail").mkdir()
    monkeypatch.chdir(tmp_path / "mail")
    assert watched(["eml:."])[0].name == "mail"
