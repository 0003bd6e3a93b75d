# SPDX-License-Identifier: EUPL-1.2
"""`once`: one full rescan, read, seal and ship, then exit."""

from __future__ import annotations

import argparse
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakzegel_agent.commands.common import Commands, answer, command, said, say, stopping

if TYPE_CHECKING:  # status must start fast
    from lakzegel_agent.sealing.pool import Pool
    from lakzegel_agent.service import OnceReport

_MORE = """\
Reads every source of the policy in force, seals what is new or changed, ships it and verifies the
receipts, then lets go what the records office holds. Without a network it captures all the same,
into the spool. The four counts are over all runs: found = sealed + excluded + failed.

exit: 0 everything found is sealed or excluded, and every batch has its receipt
      1 files that could not be captured; no policy; no room; the log went back or forked;
        ended by a signal before everything was looked at
      2 configuration; not enrolled; another agent is at work here
      3 the receiver could not be reached, or refused: what was captured waits in the spool

example: lakzegel-agent once --config /etc/lakzegel/agent.toml --json
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "capture and ship everything that is there now, then exit"
    parser = command(commands, "once", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run once, print the figures, and a line for each fault."""
    from lakzegel_agent.sealing.pool import Pool  # noqa: PLC0415 - status must start fast

    with stopping() as stop, Pool.open() as pool:
        report = _once(arguments.config, pool, stop)
    if arguments.json:
        answer(report.to_json())
    else:
        _print(report)
    _say_faults(report)
    return report.exit_code


def _print(report: OnceReport) -> None:
    """The figures for a person."""
    print(
        said(
            f"{report.found} found = {report.sealed} sealed + {report.excluded} excluded"
            f" + {report.failed} failed"
        )
        + said(
            f"; {report.batches} batches, {report.bytes_read} bytes read,"
            f" {report.bytes_sealed} sealed, {report.seconds} s"
        )
    )


def _say_faults(report: OnceReport) -> None:
    """A line for each fault."""
    from lakzegel_agent.words import of_error  # noqa: PLC0415 - only where something is shown

    for fault in report.faults:
        say(f"lakzegel-agent: {of_error(fault)}")
    if report.failed and not report.faults:
        text = f"{report.failed} files could not be captured; see status"
        say(f"lakzegel-agent: {said(text)}")


def _once(path: Path, pool: Pool, stop: threading.Event) -> OnceReport:
    """Run once; the sealing processes import what they need while this one does.

    As many as there may be: those for which the configuration has no use end again.
    """
    pool.start_all()
    with _importing():
        from lakzegel_agent.settings import load_config  # noqa: PLC0415 - see above

        config = load_config(path)
        pool.start(config.workers)
        from lakzegel_agent.service import once  # noqa: PLC0415 - see above

    if config.has_token():
        from lakzegel_agent.selfenrol import enrol_first  # noqa: PLC0415 - most do without
        from lakzegel_agent.service import TRIES  # noqa: PLC0415

        config = enrol_first(config, say=_tell, stop=stop, tries=TRIES)
        if stop.is_set():
            raise KeyboardInterrupt
    return once(config, pool=pool, say=_tell, stop=stop)


@contextmanager
def _importing() -> Iterator[None]:
    """What is imported stays: no look for cycles in it, now or later, least of all at exit.

    That was a tenth of what imports take.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _tell(text: str) -> None:
    """How far it is."""
    say(said(text))
