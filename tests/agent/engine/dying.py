# SPDX-License-Identifier: EUPL-1.2
"""Run by test_crash.py: one pass over FOLDER/docs that dies as if killed at step STEP.

With `grown` it is one of FOLDER/docs/Inbox alone, an mbox that was captured and has grown since,
all in this process.

A step is a call that changes what is on the disk: each is tried with the death before it and
after it. The last line of output is the number of steps that the whole pass has.
"""

import os
import sys
from pathlib import Path

from tests_conftest import Engine

from lakzegel_agent import durable, ledgerfiles, ledgerschema
from lakzegel_agent.platforms import posix


class Steps:
    """Counts steps, and dies at one."""

    def __init__(self, last: int) -> None:
        self.done = 0
        self._last = last

    def step(self) -> None:
        if self.done == self._last:
            os._exit(9)
        self.done += 1

    def mortal(self, function):
        def call(*args, **kwargs):
            self.step()
            result = function(*args, **kwargs)
            self.step()
            return result

        return call


class Dying:
    """A connection whose statements are steps where they begin or end a transaction."""

    def __init__(self, connection, steps: Steps) -> None:
        self._connection = connection
        self._steps = steps

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, statement, *args):
        run = self._connection.execute
        if statement.startswith(("BEGIN", "COMMIT")):
            run = self._steps.mortal(run)
        return run(statement, *args)


def main(folder: str, last: int, *, grown: bool) -> None:
    steps = Steps(last)
    engine = Engine(Path(folder))
    engine.spool.tidy(engine.ledger.spooled())
    for name in ("sync_file", "write_part", "sync_folder"):
        setattr(durable, name, steps.mortal(getattr(durable, name)))
    posix.replace = steps.mortal(posix.replace)
    real = ledgerschema.transaction
    ledgerfiles.transaction = lambda connection, path: real(Dying(connection, steps), path)
    if grown:
        durable.write_all = steps.mortal(durable.write_all)
        engine.watch(reader="mbox", touched=frozenset({b"Inbox"}))
        engine.pool.prefer_here(safe=True)
    else:
        engine.use(batch_limit=120_000)
    engine.capture()
    assert not (grown and engine.pool.pids())
    engine.close()
    print(steps.done)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), grown=sys.argv[3:] == ["grown"])
