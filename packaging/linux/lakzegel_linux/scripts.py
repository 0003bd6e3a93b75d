# SPDX-License-Identifier: EUPL-1.2
"""The scripts that dpkg and rpm run: what is in scripts/, with the product's names before it."""

import shlex
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lakzegel_linux.products import Product
from lakzegel_linux.staging import services_of, units_of

FOLDER: Final = Path(__file__).parent.parent / "scripts"
# nfpm's names for when a script runs
DEB: Final = MappingProxyType(
    {
        "preinstall": "preinst",
        "postinstall": "postinst",
        "preremove": "prerm",
        "postremove": "postrm",
    }
)
RPM: Final = MappingProxyType(
    {
        "preinstall": "pre",
        "postinstall": "post",
        "preremove": "preun",
        "postremove": "postun",
        "posttrans": "posttrans",
    }
)


def scripts(root: Path, product: Product, kind: str) -> dict[str, str]:
    """The text of each script of one package, by nfpm's name for it."""
    units = units_of(root)
    own = [unit for unit in units if product.enabled and unit not in product.by_hand]
    names = {
        "package": product.name,
        "state": product.state,
        "services": " ".join(services_of(root)),
        "units": " ".join(units),
        "user_units": " ".join(units_of(root, user=True)),
        "enabled": " ".join(own),  # at a first installation
        "ready": product.ready,
    }
    head = "#!/bin/sh\n# SPDX-License-Identifier: EUPL-1.2\nset -e\n"
    head += "".join(f"{name}={shlex.quote(value)}\n" for name, value in names.items())
    common = _body(FOLDER / "common.sh")
    known = DEB if kind == "deb" else RPM
    return {
        moment: head + common + _body(FOLDER / f"{kind}.{name}.sh")
        for moment, name in known.items()
    }


def _body(path: Path) -> str:
    """A script without its first lines, which are said once."""
    lines = path.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("#!", "# SPDX-", "# shellcheck")))
