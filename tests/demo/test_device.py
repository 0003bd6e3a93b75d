# SPDX-License-Identifier: EUPL-1.2
"""The made-up device: real formats, odd names, and the same bytes every time."""

import email
import json
import mailbox
import os
import zipfile
from email import policy
from pathlib import Path

import pytest

from lakzegel_demo.compare import compare
from lakzegel_demo.device import SOURCES, write_device


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    write_device(folder)
    return folder


def test_each_source_has_its_reader(tmp_path):
    made = write_device(tmp_path)
    assert [(kind, folder.name) for kind, folder in made] == [
        (kind, name) for name, (kind, _) in SOURCES.items()
    ]


def test_a_second_device_has_the_same_bytes(device, tmp_path):
    write_device(tmp_path)
    found = compare(device, tmp_path)
    assert found.same
    assert not found.missing
    assert found.files > 50


def test_the_maildir_has_mail_with_attachments_and_unusual_names(device):
    names = [os.fsencode(path.name) for path in (device / "Postvak").rglob("*") if path.is_file()]
    assert any(b"\n" in name for name in names)
    assert any(b"\xe9" in name for name in names)
    assert any(len(name) > 240 for name in names)
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (device / "Postvak").rglob("*")
        if path.is_file() and path.parent.name in {"cur", "new"}
    ]
    kinds = {part.get_content_type() for mail in mails for part in mail.iter_attachments()}
    assert kinds == {"application/pdf", "image/png"}
    assert not any(mail.defects for mail in mails)


def test_the_mbox_is_read_whole_by_another_reader(device):
    box = mailbox.mbox(device / "Archief" / "Archief 2025.mbox", create=False)
    try:
        assert len(box) == 24
    finally:
        box.close()


def test_the_exports_are_whole(device):
    with zipfile.ZipFile(device / "WhatsApp" / "WhatsApp Chat - Fatima El Amrani.zip") as archive:
        assert archive.testzip() is None
        assert "_chat.txt" in archive.namelist()
    export = json.loads((device / "Telegram" / "result.json").read_text())
    for message in export["messages"]:
        assert "photo" not in message or (device / "Telegram" / message["photo"]).is_file()


def test_the_pictures_are_pictures(device):
    pictures = list(device.rglob("*.png"))
    assert pictures
    for path in pictures:
        data = Path(path).read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert data.endswith(b"IEND\xaeB`\x82")
