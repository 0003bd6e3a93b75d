# SPDX-License-Identifier: EUPL-1.2
"""What is inside a package, as the packages for Linux say it, with the interpreter as well."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from lakzegel_frozen.identity import AGENT, EPOCH, version
from lakzegel_frozen.stage import Tree
from lakzegel_linux.environment import Wheel
from lakzegel_linux.products import PRODUCTS
from lakzegel_linux.sbom import bill, licences


def of(tree: Tree, sha256: str) -> str:
    """The bill of materials of a tree; ``sha256`` is the digest of its runtime.

    Raises:
        PackagingError: something inside names no licence.
    """
    (product,) = (one for one in PRODUCTS if one.name == AGENT)
    target = tree.runtime.target
    terms = licences(tree.root / target.layout.packages)
    wheels = [Wheel(one.name, one.version, one.file, one.sha256) for one in tree.wheels]
    made = datetime.fromtimestamp(EPOCH, UTC)
    text = bill(product, f"{version()}-{target.name}", wheels, terms, made)
    found = json.loads(text)
    python = ".".join(map(str, tree.runtime.version))
    found["components"].insert(
        0,
        {
            "bom-ref": f"pkg:generic/cpython@{python}",
            "licenses": [{"license": {"id": "PSF-2.0"}}],
            "name": "CPython",
            "properties": [{"name": "lakzegel:tree-sha256", "value": sha256}],
            "purl": f"pkg:generic/cpython@{python}",
            "type": "library",
            "version": python,
        },
    )
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
