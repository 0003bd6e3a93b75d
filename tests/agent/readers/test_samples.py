# SPDX-License-Identifier: EUPL-1.2
"""Samples that are no text are made by us, and by code that stands here."""

from tests.agent.readers.make_samples import SAMPLES, made


def test_every_binary_sample_is_what_its_maker_makes():
    binary = {path.name for path in SAMPLES.iterdir() if b"\0" in path.read_bytes()}
    assert binary == set(made())
    assert {name: (SAMPLES / name).read_bytes() for name in binary} == made()
