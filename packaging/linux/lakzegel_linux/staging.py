# SPDX-License-Identifier: EUPL-1.2
"""What lies beside an environment in a package: units, who runs them, and papers."""

import gzip
import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lakzegel_linux.environment import Wheel
from lakzegel_linux.products import MAINTAINER, Product

# what systemd/ has of a product, by its name, and where the system looks for it
PLACES: Final = MappingProxyType(
    {
        "{name}*.service": "usr/lib/systemd/system",
        "{name}*.socket": "usr/lib/systemd/system",
        "{name}*.timer": "usr/lib/systemd/system",
        "{name}*.path": "usr/lib/systemd/system",
        "user/{name}*.*": "usr/lib/systemd/user",
        "sysusers.d/{name}.conf": "usr/lib/sysusers.d",
        "tmpfiles.d/{name}.conf": "usr/lib/tmpfiles.d",
        "examples/*.conf": "usr/share/doc/{name}/examples",
    }
)
_SYSTEM: Final = "usr/lib/systemd/system"
_USER: Final = "usr/lib/systemd/user"


def place_units(units: Path, root: Path, product: Product) -> None:
    """Copy what ``systemd/`` has for this product to where the system looks for it."""
    names = {"name": product.name}
    for pattern, place in PLACES.items():
        for source in sorted(units.glob(pattern.format(**names))):
            target = root / place.format(**names) / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def units_of(root: Path, *, user: bool = False) -> list[str]:
    """The units in a package that can be enabled, in the order in which they are started."""
    found = [
        path
        for path in sorted((root / (_USER if user else _SYSTEM)).glob("*"))
        if "\n[Install]\n" in path.read_text() and "@." not in path.name
    ]
    return [path.name for path in sorted(found, key=lambda path: path.suffix == ".service")]


def services_of(root: Path) -> list[str]:
    """Every service in a package, also what a timer or a path starts."""
    return sorted(path.name for path in (root / _SYSTEM).glob("*.service"))


def write_preset(root: Path, product: Product) -> None:
    """Say to systemd's presets, by which rpm goes, whether the services start by themselves."""
    for place, user in (("system-preset", False), ("user-preset", True)):
        units = units_of(root, user=user)
        if units:
            target = root / "usr/lib/systemd" / place / f"80-{product.name}.preset"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(f"{_action(product, unit)} {unit}\n" for unit in units))


def _action(product: Product, unit: str) -> str:
    """What a preset says of a unit."""
    return "enable" if product.enabled and unit not in product.by_hand else "disable"


def write_papers(
    root: Path,
    product: Product,
    *,
    version: str,
    wheels: Iterable[Wheel],
    terms: dict[str, str],
    bill: str,
    made: datetime,
) -> None:
    """Write the licences, the change and the bill of materials where a system has its papers."""
    folder = root / "usr/share/doc" / product.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sbom.cdx.json").write_text(bill)
    (folder / "copyright").write_text(_copyright(product, wheels, terms, made))
    text = (
        f"{product.name} ({version}) stable; urgency=medium\n\n"
        f"  * What changed is in CHANGELOG.md of Lakzegel {version.partition('-')[0]}.\n\n"
        f" -- {MAINTAINER}  {format_datetime(made)}\n"
    )
    log = folder / "changelog.Debian.gz"
    log.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _copyright(
    product: Product, wheels: Iterable[Wheel], terms: dict[str, str], made: datetime
) -> str:
    """Debian's machine-readable form: ours, then each distribution in the environment."""
    site = f"{product.home.lstrip('/')}/lib/python*/site-packages"
    text = (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: Lakzegel\n\n"
        "Files: *\n"
        f"Copyright: {made.year} Lakzegel's contributors\n"
        "License: EUPL-1.2\n"
        " European Union Public Licence 1.2; its text lies beside our packages in\n"
        f" /{site}/lakzegel-*.dist-info/licenses/LICENSE.\n\n"
        "Comment:\n"
        f" Below /{site} are distributions of others, each with\n"
        " its own notices and licence in its folder *.dist-info:\n"
    )
    for wheel in sorted(wheels, key=lambda one: one.name.lower()):
        text += f" {wheel.name} {wheel.version}: {terms[wheel.name.lower()]}\n"
    return text


def settle(root: Path, moment: int) -> None:
    """Give everything the modes and the one time that it has on every machine."""
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            runs = path.is_dir() or path.parent == root / "usr/bin"
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (moment, moment), follow_symlinks=False)
