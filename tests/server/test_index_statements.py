# SPDX-License-Identifier: EUPL-1.2
"""Every statement in the receiver's sources is one that both engines take (stores.md §2)."""

import ast
import importlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import lakzegel_server
from lakzegel_server.database import Database
from lakzegel_server.index.portable import numbered
from lakzegel_server.schema import put, tables

HERE = Path(lakzegel_server.__file__).parent
STATEMENT = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) ")
OF_ONE_ENGINE = {"index", "upgrades.py", "fsck/indexed.py"}  # whose business that is
CLOCK = "clock_timestamp"  # of a database that several receivers share
FORBIDDEN = re.compile(r"\browid\b|OR REPLACE|OR IGNORE|\?\d|sqlite_|PRAGMA|\bGLOB\b|\bhex\(")


def statements():
    """Place and text of each; where the text is made of names, as those of its module make it."""
    for path in sorted(HERE.rglob("*.py")):
        place = path.relative_to(HERE)
        if place.parts[0] in OF_ONE_ENGINE or place.as_posix() in OF_ONE_ENGINE:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
                 for part in node.values}  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = made(node, place)
            elif isinstance(node, ast.Constant) and id(node) not in inner:
                text = node.value
            else:
                continue
            if isinstance(text, str) and STATEMENT.match(text) and CLOCK not in text:
                yield f"{place}:{node.lineno}", text


def made(node, place):
    """The text of an f-string whose names are its module's; None where they are a function's."""
    if not (isinstance(node.values[0], ast.Constant) and STATEMENT.match(node.values[0].value)):
        return None
    name = ".".join(("lakzegel_server", *place.with_suffix("").parts))
    try:
        code = compile(ast.Expression(node), str(place), "eval")
        return eval(code, vars(importlib.import_module(name)))
    except NameError:
        return None


@pytest.fixture(scope="module")
def found():
    known = [*statements(), *((f"put({table})", put(table)) for table in tables())]
    assert len(known) > 120
    return known


def test_no_statement_uses_what_one_engine_has_alone(found):
    assert [place for place, text in found if FORBIDDEN.search(text)] == []


def test_sqlite_takes_every_statement(found, tmp_path):
    Database.open(tmp_path / "index").close()
    refused = []
    with closing(sqlite3.connect(tmp_path / "index")) as connection:
        for place, text in found:
            try:
                connection.execute(f"EXPLAIN {text}", [None] * text.count("?"))
            except sqlite3.Error as error:
                refused.append((place, str(error)))
    assert refused == []


def test_postgresql_takes_every_statement(found, address):
    Database.open(address).close()
    refused = []
    with psycopg.connect(address.url, autocommit=True) as link:
        for place, text in found:
            try:
                link.execute(f"PREPARE one AS {numbered(text)}")
                link.execute("DEALLOCATE one")
            except psycopg.Error as error:
                refused.append((place, str(error).splitlines()[0]))
    assert refused == []
