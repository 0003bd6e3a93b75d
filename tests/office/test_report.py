# SPDX-License-Identifier: EUPL-1.2
"""What the office reads out of sealed statements of guards."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_office.guarded import WHOLE, fold

T = [f"2026-11-30T{hour:02}:00:00Z" for hour in range(24)]


def stated(state, *, risk=None, before=None, after=None, reason="", subject="een", guard="g"):
    at_risk = None if risk is None else {"from": risk[0], "until": risk[1]}
    return {
        "type": "guard", "guard": guard, "mode": "report", "rows": [15], "state": state,
        "subject": subject, "reason": reason, "before": before, "after": after, "at_risk": at_risk,
    }  # fmt: skip


def only(found):
    (guard,) = found.guards.values()
    (subject,) = guard.subjects.values()
    return guard, subject


def test_a_drift_that_was_mended_is_one_closed_time_at_risk():
    guard, subject = only(
        fold(
            [
                (T[1], stated("compliant", after=1)),
                (T[3], stated("drifted", risk=(T[1], None), before=1, after=30, reason="by-age")),
                (T[5], stated("compliant", risk=(T[1], T[5]), before=30, after=1)),
            ]
        )
    )
    assert guard.state == "compliant"
    assert [window.to_json() for window in subject.windows] == [
        {"from": T[1], "until": T[5], "reason": "by-age", "value": 30}
    ]


def test_a_drift_that_changes_is_still_one_time_at_risk():
    _, subject = only(
        fold(
            [
                (T[1], stated("drifted", risk=(None, None), after=30, reason="by-age")),
                (T[2], stated("drifted", risk=(None, None), before=30, after=7, reason="by-age")),
                (T[3], stated("unknown", risk=(None, None), before=7, reason="unreadable")),
            ]
        )
    )
    (window,) = subject.windows
    assert (window.begin, window.end, window.reason) == (None, None, "unreadable")


def test_what_was_drifted_and_repaired_within_one_look_is_known_by_its_old_value():
    _, subject = only(
        fold([(T[2], stated("repaired", risk=(T[1], T[2]), before={"keep": 30}, after={}))])
    )
    (window,) = subject.windows
    assert (window.begin, window.end, window.value) == (T[1], T[2], {"keep": 30})


def test_the_worst_subject_is_the_state_of_a_guard():
    found = fold(
        [
            (T[1], stated("compliant", subject="a")),
            (T[1], stated("unknown", subject="b", risk=(None, None), reason="fault")),
            (T[1], stated("repaired", subject="")),
        ]
    )
    assert found.guards["g"].state == "unknown"
    assert set(found.guards["g"].subjects) == {"a", "b", WHOLE}


@pytest.mark.parametrize(
    "change",
    [
        {"state": "fine"},
        {"rows": "15"},
        {"rows": list(range(40))},
        {"subject": 7},
        {"subject": "x" * 5000},
        {"at_risk": {"from": "yesterday", "until": None}},
        {"at_risk": {"from": None}},
        {"guard": None},
    ],
)
def test_what_a_hostile_device_states_is_counted_and_believed_in_nothing(change):
    found = fold([(T[1], stated("compliant") | change)])
    assert (found.guards, found.not_understood) == ({}, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)
MEMBERS = st.sampled_from(
    ["guard", "mode", "rows", "state", "subject", "reason", "before", "after", "at_risk", "more"]
)


@given(st.lists(st.dictionaries(MEMBERS, JSON), max_size=5))
def test_no_statement_whatever_it_holds_makes_the_report_fail(rows):
    found = fold([(T[0], {"type": "guard"} | row) for row in rows])
    json.dumps(found.to_json())
