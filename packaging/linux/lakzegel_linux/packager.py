# SPDX-License-Identifier: EUPL-1.2
"""Makes a .deb and an .rpm of a staged root, by nfpm."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from types import MappingProxyType
from typing import Final

from lakzegel_linux.environment import PYTHON
from lakzegel_linux.errors import PackagingError
from lakzegel_linux.products import HOMEPAGE, LICENCE, MAINTAINER, Product
from lakzegel_linux.scripts import scripts

_GLIBC: Final = re.compile(rb"\0GLIBC_2\.(\d{1,2})(?=\0)")
MACHINES: Final = MappingProxyType({"x86_64": "amd64", "aarch64": "arm64"})  # nfpm's names


def glibc_of(root: Path) -> int:
    """The newest 2.N of the C library that any library in the package asks for."""
    found = [17]
    for path in root.rglob("*.so*"):
        found += [int(match) for match in _GLIBC.findall(path.read_bytes())]
    return max(found)


def needs(root: Path, kind: str) -> list[str]:
    """What the system must have, in the words of its packages; units reload by ``kill``."""
    newest = glibc_of(root)
    if kind == "deb":
        return [PYTHON, f"libc6 (>= 2.{newest})", "libgcc-s1", "procps", "systemd"]
    return [
        f"/usr/bin/{PYTHON}",
        f"libc.so.6(GLIBC_2.{newest})(64bit)",
        "libgcc_s.so.1()(64bit)",
        "/usr/bin/kill",
        "systemd",
    ]


def configuration(
    root: Path,
    product: Product,
    kind: str,
    *,
    version: str,
    release: str,
    moment: int,
    machine: str,
) -> dict[str, object]:
    """What nfpm is told; the scripts are files beside it."""
    return {
        "name": product.name,
        "arch": _arch(machine),
        "platform": "linux",
        "version": version,
        "version_schema": "none",
        "release": release,
        "section": "admin",
        "priority": "optional",
        "maintainer": MAINTAINER,
        "vendor": "Lakzegel",
        "homepage": HOMEPAGE,
        "license": LICENCE,
        "description": f"{product.summary}\n{fill(product.description, 76)}",
        "mtime": datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z"),
        "umask": 0o022,
        "depends": needs(root, kind),
        "recommends": list(product.recommends),
        "contents": [
            {"dst": "/etc/lakzegel", "type": "dir", "file_info": {"mode": 0o755}},
            *_contents(root),
        ],
        # nobody's machine, nothing in the bytes but the tree's own time
        "rpm": {"compression": "zstd", "buildhost": "lakzegel.invalid", "summary": product.summary},
        "deb": {"compression": "xz"},  # what tools of repositories all read
    }


def _arch(machine: str) -> str:
    """The machine in nfpm's words.

    Raises:
        PackagingError: nobody has published wheels for it that these locks name.
    """
    if machine not in MACHINES:
        raise PackagingError(f"{machine}: packages are made for {', '.join(MACHINES)}")
    return MACHINES[machine]


def _contents(root: Path) -> list[dict[str, object]]:
    """Every file and folder of ours in the root; the system's own folders are not ours."""
    found: list[dict[str, object]] = []
    for path in sorted(root.rglob("*")):
        place = "/" + str(path.relative_to(root))
        if path.is_symlink():
            found.append({"src": os.fspath(path.readlink()), "dst": place, "type": "symlink"})
        elif path.is_file():
            found.append({"src": os.fspath(path), "dst": place})
        elif "lakzegel" in place:
            found.append({"dst": place, "type": "dir"})
    return found


def make(
    root: Path,
    product: Product,
    kind: str,
    out: Path,
    *,
    version: str,
    release: str,
    moment: int,
    machine: str,
) -> Path:
    """The package, made in ``out``.

    Raises:
        PackagingError: nfpm is not there, or refuses.
    """
    program = shutil.which("nfpm", path=os.fspath(Path(sys.executable).parent))
    if program is None:
        raise PackagingError("nfpm: not found beside this Python; run make .venv/.ready")
    told = configuration(
        root, product, kind, version=version, release=release, moment=moment, machine=machine
    )
    work = root.with_name(f"{root.name}-{kind}-{release}")
    work.mkdir()
    placed: dict[str, str] = {}
    for name, text in scripts(root, product, kind).items():
        (work / name).write_text(text)
        placed[name] = os.fspath(work / name)
    after = placed.pop("posttrans", None)
    told["scripts"] = placed
    if after is not None:
        told["rpm"] = {**told["rpm"], "scripts": {"posttrans": after}}  # type: ignore[dict-item]
    (work / "nfpm.json").write_text(json.dumps(told))  # JSON is YAML
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.iterdir())
    done = subprocess.run(
        [program, "package", "-f", work / "nfpm.json", "-p", kind, "-t", f"{out}/"],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"nfpm: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    (made,) = [path for path in out.iterdir() if path.suffix == f".{kind}" and path not in before]
    return made
