# SPDX-License-Identifier: EUPL-1.2
"""Go's sumdb packages, which know nothing of Lakzegel, accept our log and nothing that was changed.

Go is looked for in `LAKZEGEL_GO`, in `oracles/` of the virtual environment (where `install.sh` puts
it) and on PATH. Its own sources carry the packages, so nothing is downloaded here.
"""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.note import Note, parse
from lakzegel_core.tiles import decode_entries, encode_entries, new_tiles
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState

ORIGIN = "log.example/oracle"
SIZE = 700
SOURCES = Path(__file__).resolve().parent / "go"
PACKAGES = ("sumdb/note", "sumdb/tlog")
ED25519 = SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes(range(32)))
MLDSA = SigningKey.from_seed(ORIGIN, Algorithm.MLDSA44_COSIGNATURE, bytes(range(1, 33)))
LAST_DAY = datetime(2036, 1, 1, tzinfo=UTC)
WITNESS = SigningKey.from_seed("w.example/a", Algorithm.ED25519_COSIGNATURE, bytes(range(2, 34)))


def find_go():
    places = [os.environ.get("LAKZEGEL_GO"), f"{sys.prefix}/oracles/go/bin/go", shutil.which("go")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    pytest.skip("no Go here: run sh tests/oracles/install.sh, or set LAKZEGEL_GO")


@pytest.fixture(scope="module")
def go():
    return find_go()


@pytest.fixture(scope="module")
def environment(go, tmp_path_factory):
    home = tmp_path_factory.mktemp("go-home")
    return {
        "PATH": f"{Path(go).resolve().parent}:/usr/bin:/bin",
        "HOME": str(home),
        "GOCACHE": os.environ.get("GOCACHE", f"{sys.prefix}/oracles/go-cache"),
        "GOFLAGS": "-mod=vendor",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOTELEMETRY": "off",
        "CGO_ENABLED": "0",
    }


def ask(go, environment, *arguments):
    done = subprocess.run(
        [go, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def oracle(go, environment, tmp_path_factory):
    """The program, built from our sources and the packages that Go's own sources carry."""
    vendored = Path(ask(go, environment, "env", "GOROOT")) / "src" / "cmd" / "vendor"
    stated = (vendored / "modules.txt").read_text()
    module = re.search(r"^# golang\.org/x/mod (\S+)\n(## .*)$", stated, re.MULTILINE)
    if module is None:
        pytest.skip("this Go carries no golang.org/x/mod")
    folder = tmp_path_factory.mktemp("oracle")
    for source in SOURCES.glob("*.go"):
        shutil.copy(source, folder)
    for package in PACKAGES:
        where = f"golang.org/x/mod/{package}"
        shutil.copytree(vendored / where, folder / "vendor" / where)
    (folder / "go.mod").write_text(
        f"module lakzegel.example/oracle\n\ngo 1.19\n\nrequire golang.org/x/mod {module[1]}\n"
    )
    lines = [f"# golang.org/x/mod {module[1]}", module[2]]
    lines += [f"golang.org/x/mod/{package}" for package in PACKAGES]
    (folder / "vendor" / "modules.txt").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [go, "build", "-o", "oracle", "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "oracle"


@pytest.fixture(scope="module")
def knows_mldsa(go, environment):
    version = re.match(r"go(\d+)\.(\d+)", ask(go, environment, "env", "GOVERSION"))
    return version is not None and (int(version[1]), int(version[2])) >= (1, 27)


def entry(number):
    return b"entry %d\n" % number * (1 + number % 5)


@pytest.fixture
def log(tmp_path):
    """A log of 700 entries on disk, grown in three steps, with its keys beside it."""
    files, size = {}, 0
    for step in (1, 255, SIZE - 256):
        update = new_tiles(size, [entry(n) for n in range(size, size + step)], files.__getitem__)
        files |= update.files
        size = update.size
    folder = tmp_path / "log"
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    tree = Checkpoint(ORIGIN, SIZE, update.root)
    signed = sign_checkpoint(tree, ED25519, MLDSA, now=1_700_000_000)
    signed = add_cosignature(signed, cosign(tree, WITNESS, now=1_700_000_001))
    (folder / "checkpoint").write_bytes(signed)
    (tmp_path / "log.vkey").write_text(ED25519.verifier.to_text() + "\n")
    (tmp_path / "mldsa.vkey").write_text(MLDSA.verifier.to_text() + "\n")
    (tmp_path / "witness.vkey").write_text(WITNESS.verifier.to_text() + "\n")
    return folder


def judge(oracle, log, *keys):
    keys = keys or ("log.vkey",)
    files = [str(log.parent / name) for name in keys]
    return subprocess.run(
        [oracle, str(log), *files], capture_output=True, text=True, timeout=60, check=False
    )


def refused(oracle, log, *keys):
    done = judge(oracle, log, *keys)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def flip(path, at, bit=0x01):
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def test_the_log_is_accepted(oracle, log):
    done = judge(oracle, log)
    assert (done.returncode, done.stdout) == (0, "OK: 700 entries included, 13 sizes consistent\n")


def test_the_post_quantum_signature_is_accepted_too(oracle, log, knows_mldsa):
    if not knows_mldsa:
        pytest.skip("this Go has no ML-DSA")
    assert judge(oracle, log, "log.vkey", "mldsa.vkey").returncode == 0


def test_a_witnesss_cosignature_is_accepted_and_no_flipped_bit_of_it(oracle, log):
    assert judge(oracle, log, "log.vkey", "witness.vkey").returncode == 0
    note = parse((log / "checkpoint").read_bytes())
    *own, line = note.signatures
    for at in (0, 7, 8, 71):  # the time is signed as well
        raw = bytearray(line.raw)
        raw[at] ^= 1
        changed = type(line)(line.name, line.key_id, bytes(raw))
        (log / "checkpoint").write_bytes(Note(note.text, (*own, changed)).to_bytes())
        assert "invalid signature" in refused(oracle, log, "log.vkey", "witness.vkey")
        assert judge(oracle, log).returncode == 0  # who does not know the witness passes it over


def test_a_flipped_bit_in_the_post_quantum_signature_is_not(oracle, log, knows_mldsa):
    if not knows_mldsa:
        pytest.skip("this Go has no ML-DSA")
    note = parse((log / "checkpoint").read_bytes())
    first, second, third = note.signatures
    for at in (0, 7, 8, 2427):  # the time is signed as well
        raw = bytearray(second.raw)
        raw[at] ^= 1
        changed = type(second)(second.name, second.key_id, bytes(raw))
        (log / "checkpoint").write_bytes(Note(note.text, (first, changed, third)).to_bytes())
        assert "invalid signature" in refused(oracle, log, "log.vkey", "mldsa.vkey")
        assert judge(oracle, log).returncode == 0  # who does not know the key passes it over


def test_a_stripped_post_quantum_signature_is_missed(oracle, log, knows_mldsa):
    if not knows_mldsa:
        pytest.skip("this Go has no ML-DSA")
    note = parse((log / "checkpoint").read_bytes())
    (log / "checkpoint").write_bytes(Note(note.text, note.signatures[:1]).to_bytes())
    assert "1 of 2 signatures" in refused(oracle, log, "log.vkey", "mldsa.vkey")


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"])
def test_a_flipped_bit_in_a_tile_is_seen(oracle, log, path):
    size = (log / path).stat().st_size
    for at in (0, size // 2, size - 1):
        flip(log / path, at)
        assert "MISMATCH" in refused(oracle, log)
        flip(log / path, at)
    assert judge(oracle, log).returncode == 0


@pytest.mark.parametrize("at", [0, 19, 25, 70])
def test_a_flipped_bit_in_the_checkpoint_is_seen(oracle, log, at):
    flip(log / "checkpoint", at)
    assert "checkpoint" in refused(oracle, log)


def test_another_size_is_seen(oracle, log):
    data = (log / "checkpoint").read_bytes().replace(b"\n700\n", b"\n699\n")
    (log / "checkpoint").write_bytes(data)
    assert "invalid signature" in refused(oracle, log)


@pytest.mark.parametrize("number", [0, 255, 256, 699])
def test_an_edited_entry_is_seen(oracle, log, number):
    width = min(256, SIZE - number // 256 * 256)
    name = f"{number // 256:03d}" + ("" if width == 256 else f".p/{width}")
    path = log / "tile" / "entries" / name
    entries = decode_entries(path.read_bytes(), width=width)
    entries[number % 256] = entries[number % 256].replace(b"entry", b"Entry", 1)
    path.write_bytes(encode_entries(entries))
    assert f"entry {number}" in refused(oracle, log)


def test_a_missing_tile_is_seen(oracle, log):
    (log / "tile" / "0" / "001").unlink()
    assert "no such file" in refused(oracle, log)


def test_a_truncated_bundle_is_seen(oracle, log):
    path = log / "tile" / "entries" / "002.p" / "188"
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in refused(oracle, log)


def test_another_logs_key_opens_nothing(oracle, log):
    other = SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes(32))
    (log.parent / "log.vkey").write_text(other.verifier.to_text() + "\n")
    assert "checkpoint" in refused(oracle, log)


@pytest.fixture
def receivers_log(tmp_path):
    """The log that a receiver wrote to its own disk: a delegation, then 600 admissions."""
    layout = Layout(tmp_path / "data")
    signer = create(layout.data, ORIGIN, bytes(range(64)))
    keys = [
        SigningKey.from_seed(f"office.example/{name}", kind, bytes([n] * 32))
        for n, (name, kind) in enumerate(
            (
                ("policy", Algorithm.ED25519),
                ("enrolment", Algorithm.ED25519),
                ("witness", Algorithm.ED25519_COSIGNATURE),
                ("mirror", Algorithm.ED25519_COSIGNATURE),
                ("held", Algorithm.ED25519),
            ),
            1,
        )
    ]
    policy, enrolment, witness, mirror, held = (key.verifier for key in keys)
    delegation = Delegation(
        ORIGIN, 1, (policy,), 1, (enrolment,), (), witness, mirror, held, LAST_DAY
    )
    entries = [sign_delegation(delegation, keys[:1])]
    for number in range(600):
        token = SigningKey.from_seed(
            f"{ORIGIN}/token/{number:08x}", Algorithm.ED25519, number.to_bytes(32, "big")
        )
        admission = Admission(ORIGIN, token.verifier, None, "groep", 1, LAST_DAY, "default")
        entries.append(sign_admission(admission, keys[1]))
    log = LogState.open(layout, signer, clock=lambda: 1_700_000_000)
    try:
        for start, end in ((0, 1), (1, 200), (200, 256), (256, 601)):
            assert log.append(entries[start:end]) == list(range(start, end))
    finally:
        log.close()
    return layout.log


def test_the_log_as_a_receiver_leaves_it_on_disk_is_accepted(oracle, receivers_log):
    done = judge(oracle, receivers_log)
    assert done.returncode == 0, done.stderr
    assert "601" in done.stdout
