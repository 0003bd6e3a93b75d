# SPDX-License-Identifier: EUPL-1.2
"""The private halves for keyrings, the one that opened the last keyring tried first.

Trying one costs a millisecond and more, and batches come in the order of periods: without this an
office with twenty periods would try forty keys for each. docs/spec/office-keys.md §1.
"""

from collections.abc import Sequence

from lakzegel_core.age import Identity
from lakzegel_core.errors import DecryptError
from lakzegel_core.keyring import Keyring, open_keyring


class Keychain:
    """Opens keyrings; the order of its keys changes, what it opens does not."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        """Keep the keys, in the order in which they are tried at first."""
        self._identities = list(identities)

    def open(self, data: bytes) -> Keyring:
        """Return the keyring that one of the keys opens.

        Raises:
            FormatError, LimitError: it is no keyring file.
            DecryptError: no key opens it, or it was changed.
        """
        for number, identity in enumerate(self._identities):
            try:
                found = open_keyring(data, [identity])
            except DecryptError:
                continue
            self._identities.insert(0, self._identities.pop(number))
            return found
        return open_keyring(data, self._identities)  # says why none does
