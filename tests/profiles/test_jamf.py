# SPDX-License-Identifier: EUPL-1.2
"""The manifest for Jamf Pro is JSON Schema, and lets through what the agent takes."""

import json

import jsonschema_rs
import pytest

from lakzegel_profiles.settingsprofile import nested


@pytest.fixture(scope="module", params=["nl", "en"])
def manifest(request, folder):
    return json.loads((folder / f"jamf/nl.lakzegel.agent.{request.param}.json").read_bytes())


def test_it_is_a_schema_by_the_schema_of_schemas(manifest):
    jsonschema_rs.meta.validate(manifest)
    assert manifest["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert manifest["__preferencedomain"] == "nl.lakzegel.agent"


def test_every_property_has_what_jamf_shows(manifest):
    def walk(properties):
        for row in properties.values():
            yield row
            yield from walk(row.get("properties", {}))

    rows = list(walk(manifest["properties"]))
    assert all({"title", "property_order", "type"} <= row.keys() for row in rows)
    orders = [row["property_order"] for row in manifest["properties"].values()]
    assert orders == sorted(set(orders))


def test_it_takes_every_key_and_refuses_what_the_agent_would(manifest, site_of):
    schema = jsonschema_rs.validator_for(manifest)
    values = nested(dict(site_of("macos").values))
    schema.validate(values)
    for wrong in (
        {"workers": 99},
        {"workers": 0},
        {"threshold": 0},
        {"workers": "2"},
        {"keystore": "shoe box"},
        {"log_keys": "one"},
        {"policy_keys": []},
        {"shipping": {"metered": "maybe"}},
    ):
        assert not schema.is_valid({**values, **wrong}), wrong
    without = {name: value for name, value in values.items() if name != "server"}
    assert not schema.is_valid(without)
