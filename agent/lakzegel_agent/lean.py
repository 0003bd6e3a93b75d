# SPDX-License-Identifier: EUPL-1.2
"""requests without the library that guesses encodings of texts; the only importer of requests.

Answers are bytes and JSON here, nothing is guessed; what guesses holds 3 MB for as long as the
agent runs. requests does without where it is not installed, and warns; so it seems not to be while
requests is imported. docs/adr/0017
"""

import sys
import warnings
from typing import Any, Final

_GUESSER: Final = "charset_normalizer"
_modules: dict[str, Any] = sys.modules
_before: Final = _modules.get(_GUESSER)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    if _before is None:
        _modules[_GUESSER] = None  # "import" then raises ImportError
    try:
        import requests
        from requests import adapters
    finally:
        if _before is None:
            del _modules[_GUESSER]

__all__ = ["adapters", "requests"]
