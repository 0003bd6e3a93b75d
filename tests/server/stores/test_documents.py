# SPDX-License-Identifier: EUPL-1.2
"""Small documents: as files, and as rows of an index (stores.md §6)."""

import threading

import pytest

from lakzegel_server.database import Database
from lakzegel_server.layout import Layout, make_folders
from lakzegel_server.stores.files import FileDocuments
from lakzegel_server.stores.names import AHEAD, CHECKPOINT, HELD, evidence
from lakzegel_server.stores.rows import RowDocuments


@pytest.fixture(params=["files", "rows"])
def documents(request, tmp_path):
    layout = Layout(tmp_path / "data")
    make_folders(layout)
    if request.param == "files":
        yield FileDocuments(layout.data, layout.incoming)
        return
    rows = RowDocuments(lambda: Database.open(layout.database))
    yield rows
    rows.close()


def checkpoint(size, line="first"):
    return f"log.example/test\n{size}\nroot\n\n{line}\n".encode()


def test_a_document_is_what_was_put_last(documents):
    assert not documents.exists(HELD)
    for data in (b"first", b"", b"the second, longer one"):
        documents.replace(HELD, data)
        assert documents.read(HELD, 100) == data
    assert documents.exists(HELD)
    assert documents.read(HELD, 2) == b"the"


def test_what_is_not_there_is_said(documents):
    with pytest.raises(FileNotFoundError):
        documents.read(HELD, 100)
    with pytest.raises(FileNotFoundError):
        documents.settle(CHECKPOINT)
    documents.remove(HELD)


def test_what_was_removed_is_gone(documents):
    documents.replace(AHEAD, b"more")
    documents.remove(AHEAD)
    assert not documents.exists(AHEAD)


def test_documents_of_one_kind_are_listed(documents):
    assert list(documents.names("evidence/")) == []
    wanted = {evidence("a" * 64), evidence("b" * 64)}
    for name in (*wanted, HELD):
        documents.replace(name, b"1")
    assert set(documents.names("evidence/")) == wanted


def test_a_checkpoint_never_takes_a_larger_ones_place(documents):
    assert documents.advance(CHECKPOINT, checkpoint(9))
    assert documents.advance(CHECKPOINT, checkpoint(10))
    assert not documents.advance(CHECKPOINT, checkpoint(9))
    assert documents.read(CHECKPOINT, 100) == checkpoint(10)
    assert not documents.advance(CHECKPOINT, checkpoint(9))  # also right after a look
    documents.settle(CHECKPOINT)
    assert documents.read(CHECKPOINT, 100) == checkpoint(10)


def test_a_checkpoint_of_the_same_size_is_one_with_more_lines(documents):
    documents.advance(CHECKPOINT, checkpoint(9))
    assert documents.advance(CHECKPOINT, checkpoint(9, "first\nsecond"))
    assert documents.read(CHECKPOINT, 100) == checkpoint(9, "first\nsecond")


@pytest.mark.parametrize(
    "torn", [b"", b"log.example/test", b"log.example/test\n-5\n", b"\xff\n\xff"]
)
def test_a_torn_checkpoint_is_in_nobodys_way(documents, torn):
    documents.replace(CHECKPOINT, torn)
    assert documents.advance(CHECKPOINT, checkpoint(1))
    assert documents.read(CHECKPOINT, 100) == checkpoint(1)


@pytest.mark.parametrize("documents", ["rows"], indirect=True)  # who writes files has the turn
def test_of_many_at_once_the_largest_stays(documents):
    threads = [
        threading.Thread(target=documents.advance, args=(CHECKPOINT, checkpoint(size)))
        for size in range(1, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert documents.read(CHECKPOINT, 100) == checkpoint(19)


@pytest.mark.parametrize("name", ["../held", "evidence/../../held", "/held", ""])
def test_a_name_that_leads_elsewhere_is_refused(documents, name):
    for ask in (documents.exists, documents.remove):
        with pytest.raises(ValueError, match="not a name"):
            ask(name)
    with pytest.raises(ValueError, match="not a name"):
        documents.replace(name, b"1")
