# SPDX-License-Identifier: EUPL-1.2
"""What the tests of the profiles share."""

from pathlib import Path

import pytest

from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_profiles.command import files, keys_of_schema
from lakzegel_profiles.keys import Kind
from lakzegel_profiles.site import Site

ROOT = Path(__file__).resolve().parents[2]


def verifier(name, algorithm=Algorithm.ED25519):
    return SigningKey.from_seed(name, algorithm, bytes(32)).verifier.to_text()


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def folder():
    return ROOT / "mdm-profiles"


@pytest.fixture(scope="session")
def keys():
    """Every key of the agent's schema."""
    return keys_of_schema()


@pytest.fixture(scope="session")
def pins():
    """Keys that an agent takes, one of them as long as those of ML-DSA-44 are."""
    return {
        "log_keys": [
            verifier("log.example/lakzegel"),
            verifier("log.example/lakzegel", Algorithm.MLDSA44_COSIGNATURE),
        ],
        "policy_keys": [verifier("records.example/policy"), verifier("privacy.example/policy")],
    }


@pytest.fixture(scope="session")
def site_of(keys, pins):
    """A site that sets every key, by the examples of one platform."""

    def make(platform):
        values = {key.name: key.examples[platform] for key in keys}
        return Site(values={**values, **pins}, team="A1B2C3D4E5", organisation="Ministerie & co")

    return make


@pytest.fixture(scope="session")
def made(keys):
    """Every file, as nobody's."""
    return files(keys, Site())


@pytest.fixture(scope="session")
def all_kinds(keys):
    assert {key.kind for key in keys} >= {Kind.TEXT, Kind.NUMBER, Kind.LIST}
    return keys
