# SPDX-License-Identifier: EUPL-1.2
"""The flat package for macOS (docs/spec/flat-package.md): an app, its services, its scripts.

Silent by its nature: it has no panes and asks nothing. ``installer -pkg FILE -target /`` installs
it, and so does every MDM.
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_frozen import bom, cpio, xar
from lakzegel_frozen.entries import Entry, below, whole
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import AGENT, CHECKOUT, IDENTIFIER, NAME
from lakzegel_frozen.targets import Target

FOLDER: Final = "Library/Application Support/Lakzegel"
APP: Final = f"{FOLDER}/{NAME}.app"
COMPONENT: Final = "agent.pkg"
OLDEST: Final = "11.0"
SOURCES: Final = CHECKOUT / "packaging" / "pkg"
SERVICES: Final = CHECKOUT / "packaging" / "launchd"
PLACES: Final = {"nl.lakzegel.agent": "LaunchDaemons", "nl.lakzegel.agent.user": "LaunchAgents"}
DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Parts:
    """What a package is made of besides the app."""

    scripts: Path = SOURCES / "scripts"
    uninstall: Path = SOURCES / "uninstall.sh"
    services: Path = SERVICES


def information(version: str) -> bytes:
    """The bundle's Info.plist."""
    return plistlib.dumps(
        {
            "CFBundleDevelopmentRegion": "nl",
            "CFBundleExecutable": AGENT,
            "CFBundleIdentifier": IDENTIFIER,
            "CFBundleInfoDictionaryVersion": "6.0",
            "CFBundleName": NAME,
            "CFBundlePackageType": "APPL",
            "CFBundleShortVersionString": version,
            "CFBundleVersion": version,
            "LSBackgroundOnly": True,
            "LSMinimumSystemVersion": OLDEST,
            "NSHumanReadableCopyright": "EUPL-1.2",
        },
        sort_keys=True,
    )


def contents(app: Path, parts: Parts) -> list[Entry]:
    """What is installed below ``/``.

    Raises:
        FrozenError: a service is missing.
    """
    found = below(app, APP)
    found.append(Entry(f"{FOLDER}/uninstall.sh", 0o755, parts.uninstall))
    for name, place in PLACES.items():
        path = parts.services / f"{name}.plist"
        if not path.is_file():
            raise FrozenError(f"{path}: not there; the package has a service of that name")
        found.append(Entry(f"Library/{place}/{name}.plist", 0o644, path))
    return whole(found)


def pack(app: Path, target: Target, version: str, parts: Parts) -> bytes:
    """The whole package.

    Raises:
        FrozenError: something that belongs in it is missing, or does not.
    """
    installed = contents(app, parts)
    own = [name.removeprefix(f"{APP}/") for name in names(installed) if name.startswith(APP)]
    scripts = whole(
        [
            *(
                Entry(path.name, 0o644 if path.suffix else 0o755, path)
                for path in sorted(parts.scripts.iterdir())
            ),
            Entry("files", 0o644, "".join(f"./{name}\n" for name in own).encode()),
        ]
    )
    payload = cpio.pack(installed)
    size = sum(len(entry.read()) for entry in installed)
    made = {
        "Bom": bom.pack(installed),
        "PackageInfo": package_info(version, len(installed), size),
        "Payload": payload,
        "Scripts": cpio.pack(scripts),
    }
    return xar.pack(
        [
            Entry("Distribution", 0o644, distribution(version, target.processor, size)),
            Entry(COMPONENT, 0o755),
            *(Entry(f"{COMPONENT}/{name}", 0o644, data) for name, data in made.items()),
        ]
    )


def package_info(version: str, count: int, size: int) -> bytes:
    """What the installer is told of the one component: a bundle that stays where it is put."""
    top = ET.Element(
        "pkg-info",
        {
            "format-version": "2",
            "identifier": IDENTIFIER,
            "version": version,
            "install-location": "/",
            "auth": "root",
            "overwrite-permissions": "false",  # folders of the system keep theirs
            "relocatable": "false",
            "postinstall-action": "none",
        },
    )
    kilobytes = str(-(-size // 1024))
    ET.SubElement(top, "payload", {"numberOfFiles": str(count), "installKBytes": kilobytes})
    about = {"CFBundleShortVersionString": version, "CFBundleVersion": version}
    ET.SubElement(top, "bundle", {"id": IDENTIFIER, "path": f"./{APP}", **about})
    for kind in ("bundle-version", "upgrade-bundle", "strict-identifier"):
        ET.SubElement(ET.SubElement(top, kind), "bundle", {"id": IDENTIFIER})
    for kind in ("update-bundle", "atomic-update-bundle", "relocate"):
        ET.SubElement(top, kind)
    scripts = ET.SubElement(top, "scripts")
    for kind in ("preinstall", "postinstall"):
        ET.SubElement(scripts, kind, {"file": f"./{kind}"})
    return _written(top)


def distribution(version: str, processor: str, size: int) -> bytes:
    """What the installer is told of the whole: for whom it is, and that there is no choice."""
    top = ET.Element("installer-gui-script", {"minSpecVersion": "2"})
    ET.SubElement(top, "title").text = NAME
    options = {"customize": "never", "require-scripts": "false", "rootVolumeOnly": "true"}
    ET.SubElement(top, "options", {**options, "hostArchitectures": processor})
    domains = {"enable_anywhere": "false", "enable_currentUserHome": "false"}
    ET.SubElement(top, "domains", {**domains, "enable_localSystem": "true"})
    check = ET.SubElement(ET.SubElement(top, "volume-check"), "allowed-os-versions")
    ET.SubElement(check, "os-version", {"min": OLDEST})
    _choices(top)
    about = {"id": IDENTIFIER, "version": version, "onConclusion": "none"}
    reference = ET.SubElement(top, "pkg-ref", {**about, "installKBytes": str(-(-size // 1024))})
    reference.text = f"#{COMPONENT}"
    return _written(top)


def _choices(top: ET.Element) -> None:
    outline = ET.SubElement(top, "choices-outline")
    ET.SubElement(outline, "line", {"choice": "agent"})
    choice = ET.SubElement(top, "choice", {"id": "agent", "visible": "false", "title": NAME})
    ET.SubElement(choice, "pkg-ref", {"id": IDENTIFIER})


def _written(top: ET.Element) -> bytes:
    ET.indent(top, "  ")
    text: bytes = ET.tostring(top, "utf-8")
    return DECLARATION + text + b"\n"


def names(entries: Sequence[Entry]) -> list[str]:
    """The names of entries, for a list of what is installed."""
    return [entry.name for entry in entries if not entry.is_folder]
