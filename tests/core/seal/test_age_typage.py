# SPDX-License-Identifier: EUPL-1.2
"""Another implementation of age reads what we write, and we read what it writes.

typage is the npm package `age-encryption`; `LAKZEGEL_TYPAGE` names the `node_modules` folder that
holds it (default: where `tests/oracles/install.sh` puts it). Skipped where it is absent.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_core import age

INSTALLED = Path(sys.prefix) / "oracles" / "typage" / "node_modules"
IDENTITY = age.Identity.from_seed(bytes(range(32)))
SIZES = (0, 1, 65_535, 65_536, 65_537, 200_000)
SCRIPT = """
import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption"
import { readFileSync } from "node:fs"

const asked = JSON.parse(readFileSync(0, "utf8"))
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"))
const text = (data) => Buffer.from(data).toString("base64")

async function open(file) {
  const decrypter = new Decrypter()
  if (file.passphrase) decrypter.addPassphrase(file.passphrase)
  else decrypter.addIdentity(file.identity)
  return text(await decrypter.decrypt(bytes(file.data), "uint8array"))
}

async function close(size) {
  const encrypter = new Encrypter()
  encrypter.addRecipient(asked.recipient)
  return text(await encrypter.encrypt(new Uint8Array(size).fill(7)))
}

const opened = []
for (const file of asked.files) opened.push(await open(file))
const closed = []
for (const size of asked.sizes) closed.push(await close(size))
const encrypter = new Encrypter()
encrypter.setScryptWorkFactor(10)
encrypter.setPassphrase("wachtwoord")
const locked = text(await encrypter.encrypt(new Uint8Array([1, 2, 3])))
const identity = await generateHybridIdentity()
const recipient = await identityToRecipient(identity)
const derived = await identityToRecipient(asked.identity)
console.log(JSON.stringify({ opened, closed, locked, identity, recipient, derived }))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    modules = Path(os.environ.get("LAKZEGEL_TYPAGE", INSTALLED))
    node = shutil.which("node")
    if node is None or not (modules / "age-encryption").is_dir():
        pytest.skip("no node with age-encryption here: run sh tests/oracles/install.sh")
    folder = tmp_path_factory.mktemp("typage")
    (folder / "node_modules").symlink_to(modules.resolve(), target_is_directory=True)
    (folder / "ask.mjs").write_text(SCRIPT)
    done = subprocess.run(
        [node, "ask.mjs"],
        cwd=folder,
        input=json.dumps(_question()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_typage_opens_what_we_write(answer: dict[str, list[str]]) -> None:
    expected = [bytes(size) for size in SIZES] + [b"key"]
    assert [_bytes(text) for text in answer["opened"]] == expected


def test_we_open_what_typage_writes(answer: dict[str, list[str]]) -> None:
    for size, text in zip(SIZES, answer["closed"], strict=True):
        assert age.decrypt(_bytes(text), [IDENTITY], max_size=size) == b"\7" * size


def test_we_open_what_typage_locks_with_a_passphrase(answer: dict[str, str]) -> None:
    opened = age.decrypt_passphrase(_bytes(answer["locked"]), "wachtwoord", max_size=3)
    assert opened == b"\1\2\3"


def test_both_derive_the_same_recipient(answer: dict[str, str]) -> None:
    assert answer["derived"] == IDENTITY.recipient.to_text()
    assert age.Identity.from_text(answer["identity"]).recipient.to_text() == answer["recipient"]


def _question() -> dict[str, object]:
    files: list[dict[str, str]] = []
    for size in SIZES:
        data = age.encrypt(bytes(size), [IDENTITY.recipient], random=os.urandom)
        files.append({"identity": IDENTITY.to_text(), "data": _text(data)})
    locked = age.encrypt_passphrase(b"key", "geheim", random=os.urandom)
    files.append({"passphrase": "geheim", "data": _text(locked)})
    return {
        "files": files,
        "sizes": SIZES,
        "recipient": IDENTITY.recipient.to_text(),
        "identity": IDENTITY.to_text(),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
