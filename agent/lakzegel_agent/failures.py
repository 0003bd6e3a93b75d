# SPDX-License-Identifier: EUPL-1.2
"""Files that could not be captured, as problems: one a source and reason, with how many."""

from __future__ import annotations

from typing import Final

from lakzegel_agent.ledger import Ledger
from lakzegel_agent.problems import Found, Problems

FAILED: Final = "files-failed"


def subject_of(label: str, reason: str) -> str:
    """What the problem's id stands for (docs/spec/health.md §1)."""
    return f"{label}\0{reason}"


def state_failures(problems: Problems, ledger: Ledger) -> None:
    """State what the ledger counts as failed, and nothing else; names stay in its rows."""
    found = {
        subject_of(label, reason): Found(
            f"{versions} versions of files could not be captured: {reason}", versions
        )
        for label, reason, versions in ledger.files.failures()
    }
    problems.state(ledger, FAILED, found)
