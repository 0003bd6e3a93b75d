# SPDX-License-Identifier: EUPL-1.2
"""Makes what is missing below tests/vectors, and the examples in docs/spec.

    make.py            writes vectors that are not there, and the examples
    make.py --check    exits 1 when a file is missing, differs, or was made by nobody

All keys are test keys. Post-quantum signatures and encapsulated keys differ every time, so a file
that holds one is kept as it was first made; everything else is made again and compared.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kit import (
    capture_cases,
    entry_cases,
    item_cases,
    policy_cases,
    proof_cases,
    replay_cases,
    seal_cases,
    sign_cases,
    text_cases,
    witness_cases,
)
from kit.case import OK, VECTORS, Case, load
from kit.openers import OPENERS

from lakzegel_core.errors import LakzegelError

SPEC = VECTORS.parents[1] / "docs" / "spec"
MAKERS: dict[str, Callable[[], list[Case]]] = {
    "base64": text_cases.base64_cases,
    "vkey": text_cases.vkey_cases,
    "recipient": text_cases.recipient_cases,
    "tile-path": text_cases.tile_path_cases,
    "entries-bundle": text_cases.bundle_cases,
    "duration": text_cases.duration_cases,
    "size": text_cases.size_cases,
    "canonical-json": text_cases.json_cases,
    "padme": text_cases.padme_cases,
    "annex": text_cases.annex_cases,
    "capture": capture_cases.capture_cases,
    "note": sign_cases.note_cases,
    "checkpoint": sign_cases.checkpoint_cases,
    "cosignature": sign_cases.cosignature_cases,
    "add-checkpoint": witness_cases.request_cases,
    "add-checkpoint-answer": witness_cases.answer_cases,
    "tlog-proof": sign_cases.tlog_proof_cases,
    "tile": sign_cases.tile_cases,
    "receipt": sign_cases.receipt_cases,
    "delegation": entry_cases.delegation_cases,
    "admission": entry_cases.admission_cases,
    "enrolment": entry_cases.enrolment_cases,
    "policy": policy_cases.policy_cases,
    "policy-in-force": policy_cases.in_force_cases,
    "revocation": entry_cases.revocation_cases,
    "withdrawal": entry_cases.withdrawal_cases,
    "roster": text_cases.roster_cases,
    "finding": entry_cases.finding_cases,
    "held": entry_cases.held_cases,
    "keyring-change": entry_cases.keyring_change_cases,
    "hold": entry_cases.hold_cases,
    "succession": entry_cases.succession_cases,
    "trail": entry_cases.trail_cases,
    "query": entry_cases.query_cases,
    "heartbeat": entry_cases.heartbeat_cases,
    "batch-header": seal_cases.header_cases,
    "manifest": seal_cases.manifest_cases,
    "batch-file": seal_cases.file_cases,
    "keyring": seal_cases.keyring_cases,
    "keyring-file": seal_cases.keyring_file_cases,
    "item": item_cases.item_cases,
    "custody": replay_cases.custody_cases,
    "item-proof": proof_cases.proof_cases,
}
KEPT_FIRST = ("keyring-file", "checkpoint", "cosignature")  # the others are made of these
EXAMPLE = re.compile(
    r"^```lakzegel-note ([a-z0-9-]+/[a-z0-9-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


def outcome(vector_format: str, case: Case) -> str:
    """What the core says of a case."""
    try:
        OPENERS[vector_format](case)
    except LakzegelError as error:
        return type(error).__name__
    return OK


def problems(*, write: bool) -> Iterator[str]:
    """Every file that is not as it is made now; with ``write``, missing ones are made first."""
    ordered = sorted(MAKERS, key=lambda name: (name not in KEPT_FIRST, name))
    for vector_format in ordered:
        cases = MAKERS[vector_format]()
        folder = VECTORS / vector_format
        if write:
            folder.mkdir(exist_ok=True)
        found = {path.name for path in folder.iterdir()}
        for extra in sorted(found - {case.name for case in cases}):
            yield f"{vector_format}/{extra}: nothing makes it"
        for case in cases:
            yield from _problem(folder / case.name, case, write=write)


def _problem(path: Path, case: Case, *, write: bool) -> Iterator[str]:
    name = f"{path.parent.name}/{path.name}"
    said = outcome(path.parent.name, case)
    if said != case.expect:
        yield f"{name}: expected {case.expect}, the core says {said}"
    if not path.exists() and write:
        path.write_bytes(case.to_bytes())
    if not path.exists() or path.read_bytes() != case.to_bytes():
        yield f"{name}: missing, or not what is made now"


def examples(*, write: bool) -> Iterator[str]:
    """Every example in the specification that is not the vector it names."""
    for page in sorted(SPEC.glob("*.md")):
        text = page.read_text("utf-8")
        made = EXAMPLE.sub(_example, text)
        if write and made != text:
            page.write_text(made, "utf-8")
        elif made != text:
            yield f"docs/spec/{page.name}: an example is not its vector"


def _example(match: re.Match[str]) -> str:
    folder, name = match[1].split("/")
    (case,) = [case for case in load(folder) if case.name == name]
    return f"```lakzegel-note {match[1]}\n{case.body.decode().rstrip()}\n```"


def main(arguments: list[str]) -> int:
    """Exit code: 0 when everything is as it must be."""
    write = arguments != ["--check"]
    found = [*problems(write=write), *examples(write=write)]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
