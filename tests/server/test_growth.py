# SPDX-License-Identifier: EUPL-1.2
"""What a receiver does often costs the same for a long log as for a short one: counted, not timed.

Counted are reads of tiles, steps of SQLite, entries that are checked and files that are looked for.
Both logs end at the same place within a bundle, so that no partial tile makes a difference.
"""

import pytest

from bench.growing.building import Log
from bench.growing.measuring import NEW, check_new
from lakzegel_core.custody import Custody
from lakzegel_server import savepoints
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.logstore import LogStore
from lakzegel_server.web.receipts import receipt

DEVICES = 5
SHORT, LONG = 256 + 100, 11 * 256 + 100  # entries
LEVELS = 2  # of hash tiles, for both; the logarithm that there is


class Counts:
    """How often things are done since the last look."""

    def __init__(self):
        self.reads = self.steps = self.checked = self.claims = 0

    def watch(self, state):
        """Count the steps of its connection."""
        state._database.connection.set_progress_handler(self._step, 1)

    def _step(self):
        self.steps += 1

    def of(self, work):
        """The counts of some work."""
        self.__init__()
        work()
        return self.reads, self.steps, self.checked, self.claims


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def counts(patch):
    """Counts everything of this process."""
    counts = Counts()
    read, check, claim = LogStore.read, Custody.check, Survey.claim

    def counted(name, real):
        def call(self, argument):
            setattr(counts, name, getattr(counts, name) + 1)
            return real(self, argument)

        return call

    patch.setattr(savepoints, "FEW", 5)
    patch.setattr(LogStore, "read", counted("reads", read))
    patch.setattr(Custody, "check", counted("checked", check))
    patch.setattr(Survey, "claim", counted("claims", claim))
    return counts


@pytest.fixture(scope="module")
def logs(tmp_path_factory, counts):
    """A short log and a long one."""
    made = []
    for size in (SHORT, LONG):
        log = Log.open(tmp_path_factory.mktemp("log") / "data", DEVICES)
        log.grow(size, lambda _: None)
        log.finish()
        made.append(log)
    return made


@pytest.fixture(scope="module")
def states(logs, counts):
    """Both, as a receiver has them."""
    opened = [log.serve() for log in logs]
    for state in opened:
        counts.watch(state)
    yield opened
    for state in opened:
        state.close()


def test_a_start_checks_what_matters_and_reads_a_few_tiles(logs, counts):
    short, long = (counts.of(lambda log=log: log.serve().close()) for log in logs)

    assert short[2] == long[2] == 3 + DEVICES + DEVICES
    assert long[0] <= short[0] + 2 * LEVELS


@pytest.mark.parametrize("size", [1, DEVICES])
def test_appending_costs_the_same_reads_and_steps(logs, states, counts, size):
    found = []
    for log, state in zip(logs, states, strict=True):
        made = log.next_entries(size)
        found.append(counts.of(lambda state=state, made=made: state.append(made)))
    short, long = found

    assert short[2] == long[2] == size
    assert long[0] <= short[0] + LEVELS
    assert long[1] <= short[1] * 1.2


def test_proofs_read_two_tiles_a_level_wherever_they_begin(states, counts):
    for state in states:
        size = state.shown.checkpoint.size
        for index in (0, 300, size // 3, size - 2):
            shown = state.shown
            state._showing.reveal(shown.checkpoint, shown.data)  # with a reader that read nothing
            reads = counts.of(lambda s=state, i=index: receipt(s, i, max(1, i)))[0]
            assert reads <= 2 * LEVELS + 1


def test_looking_whether_there_is_something_new_costs_the_same(states, counts):
    for work in ("refresh", "settle"):
        for state in states:
            getattr(state, work)()
        short, long = (counts.of(getattr(state, work)) for state in states)
        assert short == long
        assert short[0] == 0


def test_a_check_of_what_is_new_costs_what_is_new(logs, counts, patch):
    patch.setattr("bench.growing.measuring.NEW", 8)
    assert NEW != 8
    short, long = (counts.of(lambda log=log: check_new(log)) for log in logs)

    assert short[2] == long[2]
    assert short[3] == long[3] < 2 * 8 + 20
    assert long[0] <= short[0] + 12 * LEVELS
