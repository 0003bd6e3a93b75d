# SPDX-License-Identifier: EUPL-1.2
r"""How a message and a chat begin in a Telegram Desktop export.

``result.json`` may be broken JSON (control characters are written as ``\xNN``) and may still be
growing, so nothing is parsed: heads are found as bytes. Inside a string they cannot occur, since
its quotes are escaped. docs/spec/sources.md
"""

import re
from typing import Final

LONGEST: Final = 8_192  # bytes of a head: the chat's name, and white space
PATTERN: Final = rb"""
    \{ \s{0,64} (?:
        "id": \s{0,8} -?[0-9]{1,20}, \s{0,64} "type": \s{0,8} "(?P<message>[a-z_]{1,32})", \s{0,64}
        "date": \s{0,8} "(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?P<clock>[0-9:]{0,8})
    |
        (?: "name": \s{0,8} (?: null | "(?P<name>(?: [^"\\] | \\. ){0,2048})" ), \s{0,64} )?
        "type": \s{0,8} "(?P<kind>[a-z_]{1,32})", \s{0,64}
        "id": \s{0,8} (?P<chat>-?[0-9]{1,20}), \s{0,64} "messages": \s{0,8} \[
    )
"""
HEAD: Final = re.compile(PATTERN, re.VERBOSE | re.DOTALL)
