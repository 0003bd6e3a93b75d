# SPDX-License-Identifier: EUPL-1.2
"""What is told in a user's own session alone, asked by an agent that runs as somebody else.

    words.py      the lines that are said, in both directions
    roads.py      how one gets to the other, as protocols
    asking.py     the agent's side: secrets that a helper tells
    serving.py    the helper's side
    unixroad.py   a socket in the user's runtime folder (Linux)

docs/spec/session-helper.md
"""
