# SPDX-License-Identifier: EUPL-1.2
"""The paper estimate is reckoned from its figures, and the guide has what was reckoned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.estimate import GUIDE, HERE, estimate, main, placed, read, table

FIGURES = HERE / "estimate.toml"


def test_the_guide_has_the_tables_that_the_figures_make():
    fleet, measured, prices = read(FIGURES)
    text = GUIDE.read_text()
    assert placed(text, table(fleet, measured, estimate(fleet, measured, prices))) == text


def test_twice_the_devices_are_twice_the_load_and_the_bytes():
    fleet, measured, prices = read(FIGURES)
    once = estimate(fleet, measured, prices)
    twice = estimate(replace(fleet, devices=2 * fleet.devices), measured, prices)
    for name in ("batches_peak", "bytes_year", "puts_year", "up_mbit_peak", "cores_peak"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(once, name))


def test_a_batch_an_hour_in_place_of_four_saves_entries_and_not_bytes():
    fleet, measured, prices = read(FIGURES)
    often = estimate(replace(fleet, batches=40, batches_idle=1), measured, prices)
    seldom = estimate(replace(fleet, batches=10, batches_idle=1), measured, prices)
    assert seldom.entries_year < 0.3 * often.entries_year
    assert seldom.batch_bytes_year == often.batch_bytes_year


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("devices = 100_000", "", "[fleet] devices: missing"),
        ("devices = 100_000", "devices = 0", "[fleet] devices: no number above 0"),
        ("devices = 100_000", 'devices = "many"', "[fleet] devices: no number above 0"),
        ("devices = 100_000", "devices = 1\nstaff = 3", "[fleet] staff: unknown"),
        ("[prices]", "[prices", "estimate.toml"),
    ],
)
def test_a_wrong_figure_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
):
    wrong = tmp_path / "estimate.toml"
    wrong.write_text(FIGURES.read_text().replace(old, new))
    assert main(["--figures", str(wrong)]) == 2
    assert told in capsys.readouterr().err


def test_a_program_gets_every_figure(capsys: pytest.CaptureFixture[str]):
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["batches_peak"] > found["batches_second"] > 0
