# SPDX-License-Identifier: EUPL-1.2
"""The load generator: real devices, real batches, every receipt verified; counts and no times."""

import importlib
import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ("--devices", "3", "--pushing", "2", "--seconds", "1", "--beat", "0.25", "--json")


@pytest.fixture
def load(monkeypatch):
    """The program, which is in no package."""
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("bench.load")


def run(load, capsys, *options):
    assert load.main([*SHORT, *options]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)["runs"]


def test_what_is_pushed_is_sealed_and_each_receipt_is_true(load, tmp_path, capsys):
    found = run(
        load,
        capsys,
        *("--work", str(tmp_path), "--plain", "--no-floor", "--check"),
        *("--only", "small", "--pace", "paced", "--rate", "20"),
    )
    (ours,) = found
    assert (ours["sealed"], ours["verified"], ours["refused"]) == (20, 20, [])
    assert ours["heartbeats"] > 0
    assert ours["rss_mb"] > 0


def test_the_floor_is_the_same_bytes_put_into_nginx_over_the_same_tls(load, tmp_path, capsys):
    if shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip("nginx is not installed")
    fleet = str(tmp_path / "fleet")
    options = ("--work", str(tmp_path), "--fleet", fleet, "--pace", "paced")
    first = run(load, capsys, *options, "--only", "large", "--mb-rate", "4")
    assert [(one["of"], one["sealed"], one["refused"]) for one in first] == [
        ("receiver", 4, []),
        ("nginx PUT + fsync", 4, []),
    ]
    again = run(load, capsys, *options, "--only", "small", "--rate", "4", "--no-floor")
    assert (again[0]["verified"], again[0]["refused"]) == (4, [])  # the chains went on


@pytest.mark.parametrize(
    "options",
    [
        ("--url", "https://receiver.example:8440", "--fleet", "."),
        ("--url", "http://10.0.0.1:80", "--fleet", "."),
        ("--url", "https://[2001:db8::1]:443", "--fleet", "."),
        ("--url", "ftp://[::1]:1", "--fleet", "."),
        ("--url", "http://127.0.0.1:1"),  # of which no device is known
        ("--prepare",),
        ("--devices", "0"),
        ("--seconds", "0"),
    ],
)
def test_what_is_elsewhere_or_without_bounds_is_refused(load, options, capsys):
    assert load.main([*SHORT, *options]) == 1
    assert capsys.readouterr().err.startswith("bench: ")
