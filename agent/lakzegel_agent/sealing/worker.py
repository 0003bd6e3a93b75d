# SPDX-License-Identifier: EUPL-1.2
"""A sealing process: ``python -m lakzegel_agent.sealing.worker``, requests in, answers out.

Standard input and output carry what `messages.py` describes.

A program of its own rather than ``multiprocessing``: that imports the parent's main module again,
and with it everything an agent needs and a sealer does not (HTTP, scheduler, settings).
Nothing is written to standard error: a traceback may name a watched file.
"""

import gc
import os
import signal
import sys
from typing import Final

from lakzegel_agent.errors import SealingError
from lakzegel_agent.sealing.jobs import Answer, Cut, CutFailed, Job, JobFailed, Ready, Setup
from lakzegel_agent.sealing.messages import receive, send
from lakzegel_agent.sealing.sealer import Sealer
from lakzegel_agent.sealing.surveys import Survey, SurveyFailed

_OBJECTS: Final = 100_000  # made and not freed, before there is a look for cycles


def main() -> None:
    """Answer requests until the parent goes."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    parent = os.getppid()
    sealer: Sealer | None = None
    while True:
        request = receive(requests)
        # what a dead parent asked for belongs to nobody, and its successor may be at work already
        if request is None or os.getppid() != parent:
            return
        if isinstance(request, Setup):
            sealer = Sealer(request)
            send(answers, Ready())
        elif sealer is not None and isinstance(request, Job | Cut | Survey):
            try:
                send(answers, answer(sealer, request))
            except BrokenPipeError:
                return


def collect_rarely() -> None:
    """Look for cycles at long intervals, and never in what was imported.

    Sealing makes next to none, but a job is tens of thousands of tuples to look through.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def answer(sealer: Sealer, request: Job | Cut | Survey) -> Answer:
    """Return what a request came to; a fault of ours is answered too, without its message."""
    try:
        if isinstance(request, Survey):
            return sealer.survey(request)
        return sealer.seal(request) if isinstance(request, Job) else sealer.cut(request)
    except SealingError as error:
        assert isinstance(request, Job)  # noqa: S101  # a cut writes nothing
        return JobFailed(request.batch, request.token, "spool", str(error))
    except Exception as error:  # noqa: BLE001  # this process's composition root
        where = _where(error)
        if isinstance(request, Survey):
            return SurveyFailed(request.ticket, "crash")
        if isinstance(request, Cut):
            return CutFailed(request.ticket, "crash")
        return JobFailed(request.batch, request.token, "crash", where)


def _where(error: BaseException) -> str:
    """Return the kind of an error and the line it comes from; its text may name a file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = os.path.basename(trace.tb_frame.f_code.co_filename)  # noqa: PTH119  # no pathlib needed
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"


if __name__ == "__main__":
    main()
    # an answer that nobody reads must not fail at exit
    os.close(sys.stdout.fileno())
    os._exit(0)
