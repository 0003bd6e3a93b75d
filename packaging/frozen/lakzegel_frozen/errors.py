# SPDX-License-Identifier: EUPL-1.2
"""What making a package fails with."""


class FrozenError(Exception):
    """One line: what, where, what to do."""
