# SPDX-License-Identifier: EUPL-1.2
"""The admissions of a log: who may come in, and by which token (docs/spec/admission.md §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakzegel_core.admission import Admission
from lakzegel_core.custody_state import AdmissionState
from lakzegel_core.withdrawal import Withdrawal


class Admissions(Mapping[bytes, AdmissionState]):
    """Each admission by its id, in the order of the log."""

    def __init__(self) -> None:
        self._by_id: dict[bytes, AdmissionState] = {}
        self._by_token: dict[tuple[str, bytes], list[AdmissionState]] = {}

    def __getitem__(self, admission_id: bytes) -> AdmissionState:
        return self._by_id[admission_id]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._by_id)

    def newest(self) -> Iterator[AdmissionState]:
        """Each of them, the one that was logged last first."""
        return reversed(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"Admissions({list(self._by_id.values())})"

    def of_token(self, name: str, key_id: bytes) -> Sequence[AdmissionState]:
        """The admissions of a token, by its key's name and id; found at once among any number."""
        return tuple(self._by_token.get((name, key_id), ()))

    def add(self, admission_id: bytes, found: Admission, index: int) -> None:
        """Take in a new one."""
        state = AdmissionState(admission_id, found, index)
        self._by_id[admission_id] = state
        token = found.token
        self._by_token.setdefault((token.name, token.key_id), []).append(state)

    def withdraw(self, found: Withdrawal, index: int) -> None:
        """Take back what was not taken back before."""
        for one in found.admissions:
            state = self._by_id[one]
            if state.withdrawn is None:
                state.withdrawn = index
