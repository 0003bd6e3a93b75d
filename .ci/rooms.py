# SPDX-License-Identifier: EUPL-1.2
"""Imports every module of a package, and fails when a module that must not be there is."""

import importlib
import importlib.util
import pkgutil
import sys


def main(package: str, unwanted: list[str]) -> int:
    """Return 0 when all of the package can be imported and nothing unwanted is installed."""
    found = [name for name in unwanted if importlib.util.find_spec(name) is not None]
    if found:
        print(f"{package}: installed and must not be: {', '.join(found)}", file=sys.stderr)
        return 1
    top = importlib.import_module(package)
    for module in pkgutil.walk_packages(top.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
