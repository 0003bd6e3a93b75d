# SPDX-License-Identifier: EUPL-1.2
"""What is said between an agent and the helper of a session, and what is not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.helper.words import (
    BACKENDS,
    MAX_ANSWER,
    MAX_QUESTION,
    MAX_SECRET,
    NotUnderstoodError,
    Password,
    Unprotect,
    answer_line,
    parse_answer,
    parse_question,
    question_line,
)


def test_the_lines_are_those_of_the_specification():
    assert question_line(Password("gnome_libsecret")) == (
        b'{"ask":"password","backend":"gnome_libsecret"}\n'
    )
    assert answer_line(b"geheim") == b'{"secret":"Z2VoZWlt"}\n'
    assert answer_line(None) == answer_line(b"") == answer_line(b"x" * (MAX_SECRET + 1)) == b"{}\n"


@given(st.sampled_from(sorted(BACKENDS)), st.binary(max_size=500))
def test_a_question_and_an_answer_come_back_as_they_were(backend, data):
    for question in (Password(backend), Unprotect(data)):
        assert parse_question(question_line(question)) == question
    assert parse_answer(answer_line(data)) == (data or None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"not json\n",
        b'{"ask":"password","backend":"gnome_libsecret"}',  # cut off
        b'{"ask":"password","backend":"gnome_libsecret"}\n\n',
        b'{"ask": "password","backend":"gnome_libsecret"}\n',  # a blank
        b'{"backend":"gnome_libsecret","ask":"password"}\n',  # not sorted
        b'{"ask":"password","backend":"basic_text"}\n',
        b'{"ask":"password","backend":7}\n',
        b'{"ask":"password","backend":"kwallet","more":"x"}\n',
        b'{"ask":"everything","blob":""}\n',
        b'{"ask":"unprotect","blob":"not base64"}\n',
        b'{"ask":"unprotect","blob":"QR=="}\n',  # bits that say nothing
        b'{"ask":"unprotect","blob":"\xc3\xa9"}\n',
        b"[" * 60_000 + b"\n",
        b'{"ask":"unprotect","blob":"' + b"A" * MAX_QUESTION + b'"}\n',
    ],
)
def test_what_is_no_question_is_answered_by_nothing(line):
    with pytest.raises(NotUnderstoodError):
        parse_question(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"secret":""}\n',
        b'{"secret":"Z2VoZWlt","more":"x"}\n',
        b'{"secret":null}\n',
        b'{"secret":"' + b"A" * MAX_ANSWER + b'"}\n',
    ],
)
def test_what_is_no_answer_is_none(line):
    with pytest.raises(NotUnderstoodError):
        parse_answer(line)
