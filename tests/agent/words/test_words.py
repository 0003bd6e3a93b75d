# SPDX-License-Identifier: EUPL-1.2
"""The agent speaks Dutch, or English to who asks for it; what programs read is never translated."""

import ast
import json
import os
import re
import runpy
import string
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_agent import words as module
from lakzegel_agent.__main__ import COMMANDS, in_a_line, main
from lakzegel_agent.errors import UnreachableError, UsageError
from lakzegel_agent.problems import NEXT
from lakzegel_agent.settingslayers import ORDER
from lakzegel_core.errors import ReplayError, RootMismatchError, UnknownKeyError
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.words import VARIABLES, Words, holes

ROOT = Path(__file__).resolve().parents[3]
SOURCE = module.CATALOGUES / "nl" / Path(module.NAME).with_suffix(".po")
BUILD = runpy.run_path(str(ROOT / "hatch_build.py"), run_name="build")
TEXTS = runpy.run_path(str(Path(__file__).with_name("texts.py")))
FOUND = list(TEXTS["texts"]())


@pytest.fixture(scope="module")
def said():
    """What the catalogue's source says."""
    return BUILD["entries"](SOURCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dutch(said):
    return Words.read(BUILD["compiled"](said))


@pytest.fixture
def in_dutch(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_texts_are_found_at_all():
    assert len(FOUND) > 250
    places = {one.place.partition(":")[0] for one in FOUND}
    assert {"commands/status.py", "doctor.py", "problems.py", "settings.py", "home.py"} <= places


def test_every_text_for_people_has_its_dutch(dutch):
    missing = [
        f"{one.place}: {part!r}"
        for one in FOUND
        if one.text not in dutch.messages
        for part in ([one.text] if one.exact else dutch.unknown(one.text))
    ]
    assert missing == [], "say it in Dutch in lakzegel_agent.po; then: python hatch_build.py"


def test_what_is_looked_up_by_a_name_of_ours_has_its_dutch(dutch):
    assert {*NEXT.values(), *ORDER, "default"} <= dutch.messages


def test_each_dutch_text_has_the_holes_of_the_english_one(said):
    for english, dutch_ in said.items():
        assert sorted(holes(english)) == sorted(holes(dutch_)), english
        taken = [name for _, name, _, _ in string.Formatter().parse(dutch_) if name is not None]
        assert sorted(taken) == sorted(holes(english)), english  # nor what `format` takes for one


def test_no_dutch_text_is_empty_or_has_another_end(said):
    for key, value in said.items():
        if not key:
            continue  # the header
        assert value, key
        assert (key[-1:] == "\n") == (value[-1:] == "\n"), key
        lines = value.splitlines()
        assert len(lines) == 1 or max(map(len, lines)) <= 100, key  # what is wide is cut elsewhere


def test_a_shape_says_at_least_a_word(said):
    for key in said:
        fixed = re.sub(r"\{\w+\}", " ", key)
        assert not list(holes(key)) or re.search(r"[a-z]{2}", fixed), key


def test_what_is_installed_is_what_the_source_says(said):
    made = SOURCE.with_suffix(".mo")
    assert made.read_bytes() == BUILD["compiled"](said), "run: python hatch_build.py"


def test_a_source_that_says_something_twice_is_refused():
    text = 'msgid "a"\nmsgstr "b"\n'
    assert BUILD["entries"](text) == {"a": "b"}
    for wrong in (f"{text}\n{text}", 'msgctxt "x"\n' + text, 'msgid "a"\n'):
        with pytest.raises(ValueError, match=r"twice|not understood"):
            BUILD["entries"](wrong)


def test_help_is_in_dutch_unless_english_is_asked_for(in_dutch, monkeypatch, capsys):
    for command in ("run", "status", "explain"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    shown = capsys.readouterr().out
    assert "gebruik: lakzegel-agent run" in shown
    assert "Toon hoe het deze agent gaat." in shown
    assert "einde: 0" in shown
    assert not re.search(r"\b(usage|options|exit|show this)\b", shown)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    with pytest.raises(SystemExit):
        main(["status", "--help"])
    shown = capsys.readouterr().out
    assert "usage: lakzegel-agent status" in shown
    assert "gebruik" not in shown


@pytest.mark.parametrize("module_", COMMANDS, ids=lambda m: m.__name__.rpartition(".")[2])
def test_no_english_is_left_in_the_help_of_a_command(in_dutch, capsys, module_):
    name = module_.__name__.rpartition(".")[2]
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = capsys.readouterr().out
    assert not re.findall(r"\b(?:the|and|which|with|from|what it)\b", shown)


def test_a_wrong_word_is_refused_in_dutch(in_dutch, capsys):
    for arguments in (["status"], ["nonsense"], ["status", "--config", "x", "--nonsense"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert "fout: deze argumenten ontbreken: --config" in shown
    assert "geen geldige keuze: 'nonsense' (kies uit" in shown
    assert "fout: onbekende argumenten: --nonsense" in shown


def test_errors_are_in_dutch_with_what_fills_them(in_dutch):
    def told(error):
        return in_a_line(error)[0]

    assert told(UsageError("/x/h: another agent is at work here; wait for it, or stop it")) == (
        "/x/h: hier is een andere agent aan het werk; wacht erop, of stop die"
    )
    text = "https://r.example: cannot reach the receiver: Connection refused; it is tried again"
    assert told(UnreachableError(text)) == (
        "https://r.example: kan de ontvanger niet bereiken: verbinding geweigerd;"
        " het wordt opnieuw geprobeerd"
    )
    assert told(PermissionError(13, "Permission denied", "/x/keys")) == (
        "/x/keys: geen toestemming; voer dit uit als de gebruiker van wie het is"
    )
    assert told(KeyError("weird")).startswith("interne fout: KeyError")


def test_the_cores_exact_text_stands_behind_what_it_comes_down_to(in_dutch, monkeypatch):
    why = "a is signed by nobody known here"
    assert in_a_line(UnknownKeyError(why))[0] == f"een handtekening klopt niet ({why})"
    assert in_a_line(RootMismatchError("x does not give y"))[0].startswith("een bewijs klopt niet")
    assert in_a_line(ReplayError("batch 3 is there"))[0].startswith("het past niet in de keten")
    monkeypatch.setenv("LANGUAGE", "en")
    assert in_a_line(UnknownKeyError(why))[0] == why


def test_a_hostile_text_is_only_text(dutch):
    for text in ("{0.__class__}", "{path}", "{", "%s", "policy {x}: {y}; {}", "\udcff: a b"):
        assert text.partition("{")[2] in dutch.said(f"internal error: {text}")


def configuration(home):
    def key(name, kind=Algorithm.ED25519):
        return SigningKey.from_seed(name, kind, bytes(32)).verifier.to_text()

    log = [key("log.example/test"), key("log.example/test", Algorithm.MLDSA44_COSIGNATURE)]
    values = {"server": "https://r.example", "home": str(home), "log_keys": log}
    values["policy_keys"] = [key("records.example/policy")]
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def test_json_is_never_translated(in_dutch, tmp_path, capsys, monkeypatch):
    path = tmp_path / "agent.toml"
    path.write_text(configuration(tmp_path / "home"))
    said = {}
    for language in ("nl", "en"):
        monkeypatch.setenv("LANGUAGE", language)
        for command in ("status", "config"):
            main([command, "--config", str(path), "--json"])
            found = json.loads(capsys.readouterr().out)
            found.pop("at", None)
            for one in found.get("problems", []) if command == "status" else []:
                one.pop("since")
            assert said.setdefault(command, found) == found
    assert said["status"]["problems"][0]["next"] == NEXT["not-enrolled"]
    monkeypatch.setenv("LANGUAGE", "nl")
    assert main(["status", "--config", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "0 gevonden = 0 verzegeld + 0 uitgesloten + 0 mislukt" in shown
    assert (
        "dit apparaat is niet aangemeld; met een token in zijn instellingen meldt het zichzelf aan"
        in shown
    )
    assert main(["config", "--config", str(path)]) == 0
    assert re.search(r"^workers +\d+ +standaard$", capsys.readouterr().out, re.MULTILINE)


IMPORTED = """
import sys
from lakzegel_agent.__main__ import parser
parser().parse_args(["run", "--config", "x"])
import lakzegel_agent.running, lakzegel_agent.commands.run, lakzegel_agent.settingsapart
names = {"lakzegel_agent.words", "lakzegel_agent.settingslanguage", "lakzegel_core.words"}
print(sorted(names & set(sys.modules)))
"""


def test_a_daemon_that_tells_nobody_anything_has_no_catalogue():
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(done.stdout) == []


def test_a_checkout_that_was_not_set_up_speaks_english(monkeypatch, tmp_path):
    module.read_words.cache_clear()
    monkeypatch.setattr(module, "CATALOGUES", tmp_path)
    try:
        assert module.read_words("nl").said("not enrolled") == "not enrolled"
    finally:
        module.read_words.cache_clear()


def test_tests_that_match_english_run_in_english():
    assert os.environ["LANGUAGE"] == "en"
