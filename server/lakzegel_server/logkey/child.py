# SPDX-License-Identifier: EUPL-1.2
"""The process that holds a PKCS#11 module: a line of JSON in, a line of JSON out.

    {"module": "...", "token": "...", "key": "...", "pin": "...", "make": false}
    {"public": "<base64>"}                      or {"error": "token", "kind": "NoSuchToken"}
    {"sign": "<base64>"}
    {"signature": "<base64>"}                   or {"error": "device", "kind": "DeviceRemoved"}

It ends when its input does.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import TextIO

from lakzegel_server.logkey.token import TokenError, open_key


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # a module that prints must not speak for this process
    try:
        serve(sys.stdin, answers)
    except TokenError as error:
        _say(answers, {"error": error.code, "kind": error.kind})


def serve(questions: TextIO, answers: TextIO) -> None:
    """Open the key, then sign what comes.

    Raises:
        TokenError: the key cannot be had, or did not sign.
    """
    asked = json.loads(questions.readline())
    pair = open_key(**asked)
    _say(answers, {"public": base64.b64encode(pair.public).decode()})
    for line in questions:
        signature = pair.sign(base64.b64decode(json.loads(line)["sign"], validate=True))
        _say(answers, {"signature": base64.b64encode(signature).decode()})


def _say(answers: TextIO, answer: dict[str, str]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
