# SPDX-License-Identifier: EUPL-1.2
"""Templates of Windows: of Microsoft's form, whole in both languages, read by the agent."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from lakzegel_agent.managed import ManagedRegistry
from lakzegel_agent.managedregistry import KEY, read_key
from lakzegel_agent.settingslayers import flat
from lakzegel_agent.settingsschema import Settings, settings_of
from lakzegel_profiles.command import files, keys_of_schema
from lakzegel_profiles.keys import read_words
from lakzegel_profiles.settingsprofile import nested
from lakzegel_profiles.site import Site
from tests.profiles.grouppolicy import SPACE, delivered, enabled, policies

ADMX = "mdm-profiles/windows/PolicyDefinitions/Lakzegel.admx"
ADML = [
    f"mdm-profiles/windows/PolicyDefinitions/{name}/Lakzegel.adml" for name in ("nl-NL", "en-US")
]
COMPANIONS = "mdm-profiles/companions/windows/PolicyDefinitions"
COMPANION = [
    f"{COMPANIONS}/LakzegelCompanions.admx",
    *(f"{COMPANIONS}/{culture}/LakzegelCompanions.adml" for culture in ("nl-NL", "en-US")),
]
CUSTOM = "mdm-profiles/intune/windows/custom-policy.json"
STRING = re.compile(r"\$\(string\.(\w+)\)")
PRESENTATION = re.compile(r"\$\(presentation\.(\w+)\)")


class Flagged(Settings):
    """The schema with a truth in it, which it has none of today."""

    wax: bool = False


@pytest.fixture(scope="module")
def schema(root):
    return xmlschema.XMLSchema(root / "tests/profiles/admx.xsd")


@pytest.mark.parametrize("name", [ADMX, *ADML, *COMPANION])
def test_a_file_is_of_microsofts_form(schema, made, name):
    schema.validate(made[name].decode().partition("\n")[2])


def test_the_form_refuses_what_windows_would(schema, made):
    text = made[ADMX].decode().partition("\n")[2]
    for good, bad in (
        ('class="Machine"', 'class="Computer"'),
        ("$(string.Server)", "Server"),
        ('maxLength="8192"', 'maxLength="lots"'),
        ("<supportedOn ref=", "<supported ref="),
    ):
        assert good in text
        assert not schema.is_valid(text.replace(good, bad, 1)), bad


def test_a_truth_has_its_form_too(schema):
    words = {**read_words(), "wax": {"example": True, "nl": ["a", "b"], "en": ["a", "b"]}}
    made = files(keys_of_schema(Flagged, words=words), Site(values={"wax": True}))
    for name in (ADMX, *ADML):
        schema.validate(made[name].decode().partition("\n")[2])
    assert b'<enabled/><data id=\\"Wax_Value\\" value=\\"true\\"/>' in made[CUSTOM]


@pytest.mark.parametrize(
    ("definitions", "name"),
    [(ADMX, ADML[0]), (ADMX, ADML[1]), (COMPANION[0], COMPANION[1]), (COMPANION[0], COMPANION[2])],
)
def test_every_word_that_is_asked_for_is_there_and_no_other(made, definitions, name):
    admx, adml = made[definitions].decode(), ET.fromstring(made[name])
    strings = {one.get("id") for one in adml.iter(f"{SPACE}string")}
    shown = {one.get("id") for one in adml.iter(f"{SPACE}presentation")}
    assert set(STRING.findall(admx)) == strings
    assert set(PRESENTATION.findall(admx)) == shown


@pytest.mark.parametrize("name", ADML)
def test_every_field_of_the_editor_is_of_its_value(made, name):
    fields = {
        "text": "textBox",
        "multiText": "multiTextBox",
        "decimal": "decimalTextBox",
        "enum": "dropdownList",
    }
    adml = ET.fromstring(made[name])
    boxes = {
        one.get("id"): [box for box in one if box.tag != f"{SPACE}text"]
        for one in adml.iter(f"{SPACE}presentation")
    }
    for policy, (_, element) in policies(made[ADMX]).items():
        (box,) = boxes[policy]
        assert box.get("refId") == element.get("id")
        assert box.tag == SPACE + fields[element.tag.removeprefix(SPACE)]


def test_a_number_has_the_limits_of_the_schema(made):
    known = {name: element for name, (_, element) in policies(made[ADMX]).items()}
    assert (known["Workers"].get("minValue"), known["Workers"].get("maxValue")) == ("1", "8")
    assert known["Threshold"].get("minValue") == "1"


def test_what_every_policy_writes_is_what_the_agent_reads(made, keys, site_of):
    values = site_of("windows").values
    registry = enabled(made[ADMX], {key.camel: values[key.name] for key in keys})
    layer = ManagedRegistry(registry).read()
    assert layer.values == nested(dict(values))
    settings_of([layer.values])


def test_what_intune_delivers_is_what_the_agent_reads(keys, site_of):
    site = site_of("windows")
    made = files(keys, site)
    found = json.loads(made[CUSTOM])
    rows = {row["omaUri"]: row["value"] for row in found["omaSettings"]}
    assert len(rows) == len(found["omaSettings"]) == len(keys) + 1
    assert read_key(delivered(made[ADMX], rows), KEY) == nested(dict(site.values))


def test_a_row_that_nobody_set_writes_nothing(made, keys):
    found = json.loads(made[CUSTOM])
    rows = {row["omaUri"]: row["value"] for row in found["omaSettings"]}
    layer = read_key(delivered(made[ADMX], rows), KEY)
    assert {name for name, _ in flat(layer)} == {key.name for key in keys if key.required}


def test_a_custom_policy_is_what_graph_takes(made):
    found = json.loads(made[CUSTOM])
    assert found["@odata.type"] == "#microsoft.graph.windows10CustomConfiguration"
    for row in found["omaSettings"]:
        assert row["@odata.type"] == "#microsoft.graph.omaSettingString"
        assert row.keys() == {"@odata.type", "displayName", "description", "omaUri", "value"}


def test_a_value_with_every_odd_character_arrives_as_it_is(keys, pins):
    odd = "https://x.example/<&>\"'é/€"
    made = files(keys, Site(values={**pins, "pac": odd}))
    found = json.loads(made[CUSTOM])
    rows = {row["omaUri"]: row["value"] for row in found["omaSettings"]}
    assert read_key(delivered(made[ADMX], rows), KEY)["pac"] == odd
