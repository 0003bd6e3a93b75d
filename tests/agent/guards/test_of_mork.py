# SPDX-License-Identifier: EUPL-1.2
"""What a folder's Mork database says of the folder itself."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards.base import PlaceError
from lakzegel_agent.guards.of_mork import HEAD, folder_info

COLUMNS = b"""// <!-- <mdb:mork:z v="1.4"/> -->
< <(a=c)> // (f=iso-8859-1)
  (80=ns:msg:db:row:scope:msgs:all)(81=subject)(96=ns:msg:db:table:kind:msgs)
  (9F=ns:msg:db:row:scope:dbfolderinfo:all)
  (A0=ns:msg:db:table:kind:dbfolderinfo)(AB=version)(AF=folderName)>

"""
OWN = b"""<(80=1)(81=0)(82=Prullenbak \\(oud\\)\\\\)(85=2)(86=1e)>
{1:^9F {(k^A0:c)(s=9u)}
  [1(^AB=1)(^AF^82)(^B1^85)(^B2=1e)(^B4=0)]}

"""
LATER = b"""@$${A{@
< <(a=c)> // (f=iso-8859-1)
  (B0=useServerRetention)(B1=retainBy)(B2=daysToKeepHdrs)
  (B4=useServerDefaults)>
[1:^9F(^B0=1)]
@$$}A}@

"""
NAMED = COLUMNS[:-3] + b"(B1=retainBy)(B2=daysToKeepHdrs)(B4=useServerDefaults)>\n\n"
MESSAGES = b"""<(90=een \\) twee$0A)>
{1:^80 {(k^96:c)(s=9)} [2(^81^90)(^81=x \\\\)] 3 4 }
[1:m(^81=1)]
{2:^80 {(k^96:c)(s=9)2:m [3:m(^81=1)]} 2 }
{FFFFFFFD:^99 {(k^98:c)(s=9)} }
"""


def test_the_folders_own_row_is_found_among_messages() -> None:
    assert folder_info(NAMED + MESSAGES + OWN) == {
        "version": "1",
        "folderName": "Prullenbak \\(oud\\)\\\\",
        "retainBy": "2",
        "daysToKeepHdrs": "1e",
        "useServerDefaults": "0",
    }


def test_what_came_later_counts() -> None:
    first = NAMED + b"<(80=1)>{1:^9F {(k^A0:c)(s=9u)} [1(^AB=1)(^B1=2)]}\n@$${1{@\n@$$}1}@\n"
    assert folder_info(first + LATER) == {
        "version": "1",
        "retainBy": "2",
        "useServerRetention": "1",
    }
    anew = first + b"@$${2{@\n<(83=3)>[-1:^9F(^B1^83)]\n@$$}2}@\n"
    assert folder_info(anew) == {"retainBy": "3"}
    given_up = first + b"@$${2{@\n[1:^9F(^B1=3)]\n@$$}~abort~2}@\n"
    assert folder_info(given_up)["retainBy"] == "2"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        COLUMNS,
        b"From - Mon\n" + NAMED + OWN,
        NAMED + OWN + b"@$${A{@\n[1:^9F(^B1=2)]\n",  # not finished
        NAMED + OWN + b"@$$}A}@\n",
        NAMED + OWN + b"\0\0\0\0",
        NAMED + OWN + b"> ",
        NAMED + OWN.replace(b"(^B1^85)", b"(^B1^FF)"),
        NAMED + OWN.replace(b"(^B1^85)", b"(^FF=2)"),
        NAMED + OWN.replace(b"(^B1^85)", b"(retainBy=2)"),
        NAMED + OWN.replace(b"[1(", b"[(("),
    ],
)
def test_what_is_not_understood_says_so(data: bytes) -> None:
    with pytest.raises(PlaceError):
        folder_info(data)


@given(st.integers(0, len(NAMED + MESSAGES + OWN + LATER)))
def test_a_file_that_is_cut_is_not_understood_or_the_same(length: int) -> None:
    whole = NAMED + MESSAGES + OWN + LATER
    try:
        found = folder_info(whole[:length])
    except PlaceError:
        return
    assert found["retainBy"] == "2"


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_an_error(more: bytes) -> None:
    for data in (HEAD + more, NAMED + more + OWN):
        try:
            folder_info(data)
        except PlaceError:
            continue


@pytest.mark.parametrize(
    "piece", [b"(", b"(^80=x)", b"<", b"{1 ", b"[1", b"\\)", b"1 ", b"<(80=x)>"]
)
def test_eight_mebibytes_take_seconds(piece: bytes) -> None:
    data = COLUMNS + piece * (8 * 2**20 // len(piece))
    begin = time.monotonic()
    with pytest.raises(PlaceError):
        folder_info(data)
    assert time.monotonic() - begin < 20
