# SPDX-License-Identifier: EUPL-1.2
"""Imports every module of a package, and fails when a module that must not be there is.

A module of the package that needs one which must not be there is for another extra: passed over.
"""

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
            try_import(module.name, unwanted)
    return 0


def try_import(module: str, unwanted: list[str]) -> None:
    """Import it, unless what it lacks is what must not be there."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in unwanted:
            raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
