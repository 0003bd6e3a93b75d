# SPDX-License-Identifier: EUPL-1.2
"""The package for Windows (docs/spec/windows-package.md): compiled by wixl, then completed.

Silent by its nature: it has no dialogs. ``msiexec /i FILE /qn`` installs it, and so does every MDM.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_agent.services import msi as services
from lakzegel_frozen import idt, msitables, olepatch
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import CHECKOUT, EPOCH, NAME, PUBLISHER, UPGRADE, number

SOURCES: Final = CHECKOUT / "packaging" / "msi"
SPACE: Final = "http://schemas.microsoft.com/wix/2006/wi"
PROGRAM: Final = "lakzegel-agent.exe"  # has its component in agent.wxs
MESSAGE: Final = 400  # characters of what a program says


def pack(tree: Path, version: str, target: Path) -> Path:
    """The package of a tree.

    Raises:
        FrozenError: msitools are missing, or refuse something.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        files, made = work / "files.wxs", work / "agent.msi"
        files.write_bytes(file_list(tree))
        # the cabinet tells when each of its files changed; there is no other time in it
        settings = work / "agent.toml"
        settings.write_bytes((SOURCES / "agent.toml").read_bytes())
        os.utime(settings, (EPOCH, EPOCH))
        source = work / "agent.wxs"
        source.write_bytes((SOURCES / "agent.wxs").read_bytes())
        (work / "tree").symlink_to(tree.resolve())
        told = variables(version)
        defined = [word for key, value in told.items() for word in ("-D", f"{key}={value}")]
        run(["wixl", "-a", "x64", *defined, "-o", made.name, source.name, files.name], work)
        complete(made, work)
        identify(made, tree, version)
        target.write_bytes(olepatch.at_one_time(made.read_bytes(), EPOCH))
    return target


def variables(version: str) -> dict[str, str]:
    """What agent.wxs asks for."""
    return {
        "Version": version,
        "ProductCode": registry_form(number("product", version)),
        "UpgradeCode": registry_form(UPGRADE),
        "Publisher": PUBLISHER,
        "AgentComponent": registry_form(number("component", PROGRAM)),
        "SettingsComponent": registry_form(number("component", "settings")),
        "HomeComponent": registry_form(number("component", "home")),
    }


def registry_form(identifier: uuid.UUID) -> str:
    """A number as Windows writes it, without braces."""
    return str(identifier).upper()


def file_list(tree: Path) -> bytes:
    """The part of the source that lists the files: a component each, known by its place alone."""
    ET.register_namespace("", SPACE)
    top = ET.Element(f"{{{SPACE}}}Wix")
    fragment = ET.SubElement(top, f"{{{SPACE}}}Fragment")
    root = ET.SubElement(fragment, f"{{{SPACE}}}DirectoryRef", {"Id": "INSTALLDIR"})
    group = ET.SubElement(
        ET.SubElement(top, f"{{{SPACE}}}Fragment"), f"{{{SPACE}}}ComponentGroup", {"Id": "Files"}
    )
    folders = {Path(): root}
    for path in _files(tree):
        relative = path.relative_to(tree)
        parent = _folder(folders, relative.parent)
        identifier = number("component", relative.as_posix())
        about = {"Id": f"c{identifier.hex}", "Guid": registry_form(identifier), "Win64": "yes"}
        component = ET.SubElement(parent, f"{{{SPACE}}}Component", about)
        named = {"Id": f"f{identifier.hex}", "Name": relative.name, "KeyPath": "yes"}
        ET.SubElement(
            component, f"{{{SPACE}}}File", {**named, "Source": f"tree/{relative.as_posix()}"}
        )
        ET.SubElement(group, f"{{{SPACE}}}ComponentRef", {"Id": about["Id"]})
    ET.indent(top, " ")
    text: bytes = ET.tostring(top, "utf-8", xml_declaration=True)
    return text


def _folder(folders: dict[Path, ET.Element], relative: Path) -> ET.Element:
    if relative not in folders:
        parent = _folder(folders, relative.parent)
        about = {"Id": f"d{number('folder', relative.as_posix()).hex}", "Name": relative.name}
        folders[relative] = ET.SubElement(parent, f"{{{SPACE}}}Directory", about)
    return folders[relative]


def _files(tree: Path) -> Iterator[Path]:
    if not (tree / PROGRAM).is_file():
        raise FrozenError(f"{tree / PROGRAM}: not there; make the tree first")
    for path in sorted(tree.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise FrozenError(f"{path}: not a file; a package has none of that")
        if path.is_file() and path != tree / PROGRAM:
            yield path


def complete(package: Path, work: Path) -> None:
    """Put into the package's tables what wixl has no words for."""
    rows = services.tables("Agent")
    found = {
        name: idt.parse(run(["msiinfo", "export", str(package), name]))
        for name in (*msitables.REPLACED, *msitables.EXTENDED)
    }
    tables = msitables.completed(found, rows)
    for table in tables:
        path = work / f"{table.name}.idt"
        path.write_bytes(table.to_text().encode())
        run(["msibuild", str(package), "-i", str(path)])


def identify(package: Path, tree: Path, version: str) -> None:
    """Give the package a number of its own that is the same for the same content."""
    whole = hashlib.sha256(version.encode())
    for path in [tree / PROGRAM, *_files(tree), *sorted(SOURCES.iterdir())]:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    code = registry_form(number("package", whole.hexdigest()))
    run(["msibuild", str(package), "-s", NAME, PUBLISHER, "x64;1033", f"{{{code}}}"])


def run(command: list[str], folder: Path | None = None) -> str:
    """What a program of msitools prints.

    Raises:
        FrozenError: it is not there, or complains.
    """
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, env=environment, cwd=folder
        )
    except FileNotFoundError:
        raise FrozenError(f"{command[0]}: not there; install Debian's msitools and wixl") from None
    complaint = done.stderr.decode(errors="replace")
    if done.returncode != 0 or "CRITICAL" in complaint or "WARNING" in complaint:
        raise FrozenError(f"{command[0]} refuses it: {' '.join(complaint.split())[:MESSAGE]}")
    return done.stdout.decode()
