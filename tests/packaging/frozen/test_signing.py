# SPDX-License-Identifier: EUPL-1.2
"""Signing: for Windows by a certificate of the test; for macOS, what Apple's programs are told."""

import os
import shutil
import subprocess
import sys

import pytest

from lakzegel_frozen import flatpackage, stage

PE = bytearray(1024)  # the least that is a program for Windows: heads, and no section
PE[0:2], PE[0x3C:0x40], PE[0x40:0x44] = b"MZ", (0x40).to_bytes(4, "little"), b"PE\0\0"
PE[0x44:0x58] = (0x8664).to_bytes(2, "little") + bytes(14) + b"\xf0\0" + b"\x22\0"
PE[0x58:0x5A] = (0x20B).to_bytes(2, "little")
PE[0x58 + 60 : 0x58 + 64] = (512).to_bytes(4, "little")
PE[0x58 + 108 : 0x58 + 112] = (16).to_bytes(4, "little")


@pytest.mark.skipif(
    not (shutil.which("osslsigncode") and shutil.which("wixl") and shutil.which("openssl")),
    reason="no osslsigncode, or no wixl",
)
def test_programs_and_package_for_windows_are_signed(checkout, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=Test"),
            *("-addext", "extendedKeyUsage=codeSigning"),
        ],
        check=True,
        capture_output=True,
    )
    tree, out = tmp_path / "a tree", tmp_path / "out"
    (tree / "runtime/DLLs").mkdir(parents=True)
    out.mkdir()
    names = ("lakzegel-agent.exe", "lakzegel-worker.exe", "python311.dll", "runtime/DLLs/_x.pyd")
    for name in names:
        (tree / name).write_bytes(PE)
    stage.settle(tree)
    done = subprocess.run(
        [checkout / "packaging/msi/sign.sh", tree, out, certificate, key],
        env={**os.environ, "LAKZEGEL_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (package,) = out.glob("*.msi")
    assert done.stdout.strip() == str(package)
    for path in (package, *(tree / name for name in names)):
        command = ["osslsigncode", "verify", "-CAfile", certificate, "-in", path]
        verified = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Signature verification: ok" in verified.stdout, path.name


@pytest.fixture
def programs(tmp_path):
    """Stand-ins of Apple's programs, which note what they are told; productsign makes its file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("codesign", "xattr", "xcrun", "spctl", "pkgutil", "productsign"):
        text = f'#!/bin/sh\nfor word in {name} "$@"; do printf "%s|" "$word"; done >>"$CALLS"\n'
        text += 'echo >>"$CALLS"\n'
        if name == "productsign":
            text += 'shift 3\ncp "$1" "$2"\n'
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def test_on_a_mac_what_is_within_is_signed_before_what_is_around_it(checkout, programs, tmp_path):
    app = tmp_path / "out" / "Lakzegel Agent.app"
    for name in ("MacOS/lakzegel-agent", "MacOS/lakzegel-worker", "Frameworks/libpython3.11.dylib"):
        path = app / "Contents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        path.chmod(0o755)
    module = app / "Contents/Resources/runtime/lib-dynload/_ssl.so"
    module.parent.mkdir(parents=True)
    module.write_bytes(b"x")
    (app / "Contents/Info.plist").write_bytes(flatpackage.information("0.1.0"))
    calls = tmp_path / "calls"
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "LAKZEGEL_PYTHON": sys.executable,
    }
    done = subprocess.run(
        [
            checkout / "packaging/pkg/sign.sh",
            *(app, tmp_path / "out"),
            "Developer ID Application: Ministry (TEAM)",
            "Developer ID Installer: Ministry (TEAM)",
            "notary",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = [line.rstrip("|").split("|") for line in calls.read_text().splitlines()]
    signed = [line for line in told if line[:2] == ["codesign", "--force"]]
    assert all("--timestamp" in line and "runtime" in line for line in signed)
    assert {line[-1] for line in signed[:-2]} | set(signed[0]) >= {str(module)}
    assert signed[-2][-1].endswith("/lakzegel-worker")
    assert "nl.lakzegel.agent.worker" in signed[-2]
    assert signed[-1][-1] == str(app)
    assert "nl.lakzegel.agent" in signed[-1]
    names = [line[0] for line in told]
    assert names.index("productsign") > max(n for n, name in enumerate(names) if name == "codesign")
    assert [line[1] for line in told if line[0] == "xcrun"] == ["notarytool", "stapler", "stapler"]
    assert done.stdout.strip().endswith("/Lakzegel-Agent-0.1.0.pkg")


@pytest.mark.parametrize("name", ["pkg", "msi"])
def test_a_recipe_without_arguments_says_how_it_is_used(checkout, name):
    done = subprocess.run(
        [checkout / f"packaging/{name}/sign.sh"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"packaging/{name}/sign.sh" in done.stderr
