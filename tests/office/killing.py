# SPDX-License-Identifier: EUPL-1.2
"""Kills at each write of an act: what is on the disk is what was written before it."""

from contextlib import contextmanager

import pytest

from lakzegel_office import durable
from lakzegel_office.vault import Vault

WRITES = ((durable, "write_new"), (durable, "write_file"), (Vault, "destroy"))


class Killed(BaseException):
    """No code of ours may go on after it."""


@contextmanager
def killed_before(number, writes=WRITES):
    """What is done here is killed right before its write of that number, the first being 0."""
    left = [number]

    def dying(real):
        def act(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*args, **kwargs)

        return act

    with pytest.MonkeyPatch.context() as patch:
        for place, name in writes:
            patch.setattr(place, name, dying(getattr(place, name)))
        yield
