# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel demo`: what is refused before anything starts."""

import pytest

from lakzegel_demo import settings
from lakzegel_demo.__main__ import main
from lakzegel_demo.sources import distinct


def test_an_out_that_holds_something_is_refused_and_untouched(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_out_inside_a_watched_folder_is_refused(tmp_path, capsys):
    (tmp_path / "mail").mkdir()
    code = main(["demo", "--watch", f"eml:{tmp_path}/mail", "--out", str(tmp_path / "mail/out")])
    assert code == 2
    assert "which is watched" in capsys.readouterr().err


def test_two_sources_of_one_name_are_a_usage_error_in_one_line(tmp_path, capsys):
    for name in ("a/m", "b/m"):
        (tmp_path / name).mkdir(parents=True)
    words = ["demo", "--watch", f"eml:{tmp_path}/a/m", "--watch", f"eml:{tmp_path}/b/m"]
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_command_is_a_usage_error():
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_the_policy_that_the_receiver_reads_names_no_folder(tmp_path):
    (tmp_path / "Postvak IN").mkdir()
    sources = distinct([("maildir", tmp_path / "Postvak IN")])
    policy = settings.policy_toml(sources, ["age1pq1a", "age1pq1b"], settings.today())
    assert "Postvak" not in policy
    assert str(tmp_path) not in policy
    assert "Postvak" in settings.annex_toml(sources)
