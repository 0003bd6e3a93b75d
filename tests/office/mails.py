# SPDX-License-Identifier: EUPL-1.2
"""Small mails for tests of what is in them."""


def letter(number, text):
    """A mail with this text, and a Message-ID of its own."""
    return f"Message-ID: <{number}@x>\nFrom: Carla <c@x.example>\nSubject: s\n\n{text}\n".encode()
