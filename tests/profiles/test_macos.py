# SPDX-License-Identifier: EUPL-1.2
"""Profiles of macOS: what Apple's schemas know, and what the agent's own reader makes of them."""

import base64
import html
import json
import plistlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lakzegel_agent.managed import ManagedFile, plist_values
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingsschema import settings_of
from lakzegel_profiles.command import files
from lakzegel_profiles.site import EXAMPLE_AUTHORITY, Site
from tests.profiles import applekeys

WHOLE = "mdm-profiles/macos/lakzegel-agent.mobileconfig"
DOMAIN = "nl.lakzegel.agent"
NOTE = re.compile(r"<!--\n(.*?)-->", re.DOTALL)
APART = {
    "settings": DOMAIN,
    "privacy": "com.apple.TCC.configuration-profile-policy",
    "background": "com.apple.servicemanagement",
    "notifications": "com.apple.notificationsettings",
    "authority": "com.apple.security.root",
}


def payloads(data):
    return {one["PayloadType"]: one for one in plistlib.loads(data)["PayloadContent"]}


def own(payload):
    return {name: value for name, value in payload.items() if name not in applekeys.COMMON}


@pytest.fixture(scope="module")
def full(keys, site_of):
    return files(keys, site_of("macos"))


@pytest.mark.parametrize("name", [WHOLE, *(f"macos/one-by-one/{name}" for name in APART)])
def test_an_envelope_has_what_apple_asks_for(made, name):
    found = next(data for path, data in made.items() if name in path)
    whole = plistlib.loads(found)
    assert applekeys.faults(whole, applekeys.TOP, applekeys.NEEDED | {"PayloadContent"}) == []
    assert (whole["PayloadType"], whole["PayloadVersion"]) == ("Configuration", 1)
    ids = [one["PayloadIdentifier"] for one in (whole, *whole["PayloadContent"])]
    uuids = [one["PayloadUUID"] for one in (whole, *whole["PayloadContent"])]
    assert len(set(ids)) == len(ids)
    assert len(set(uuids)) == len(uuids)


def test_every_payload_has_only_keys_of_apples_schemas_with_their_types(made):
    for kind, payload in payloads(made[WHOLE]).items():
        assert payload.keys() >= applekeys.NEEDED
        if kind == DOMAIN:
            continue
        allowed = {**applekeys.COMMON, **applekeys.PAYLOADS[kind]}
        assert applekeys.faults(payload, allowed, set(applekeys.PAYLOADS[kind])) == []
    found = payloads(made[WHOLE])
    (access,) = found[APART["privacy"]]["Services"]["SystemPolicyAllFiles"]
    assert applekeys.faults(access, applekeys.ACCESS, {"Identifier", "CodeRequirement"}) == []
    for rule in found[APART["background"]]["Rules"]:
        assert applekeys.faults(rule, applekeys.RULE, {"RuleType", "RuleValue"}) == []
    for row in found[APART["notifications"]]["NotificationSettings"]:
        assert applekeys.faults(row, applekeys.NOTIFICATION, {"BundleIdentifier"}) == []


def test_the_one_profile_is_the_sum_of_the_others(made):
    whole = payloads(made[WHOLE])
    for name, kind in APART.items():
        alone = payloads(made[f"mdm-profiles/macos/one-by-one/{name}.mobileconfig"])
        assert list(alone) == [kind]
        assert own(alone[kind]) == own(whole[kind])
    assert set(whole) == set(APART.values())


def test_full_disk_access_is_for_what_our_team_signed_under_our_name_alone(full):
    services = payloads(full[WHOLE])[APART["privacy"]]["Services"]
    assert list(services) == ["SystemPolicyAllFiles"]
    (access,) = services["SystemPolicyAllFiles"]
    assert access["Authorization"] == "Allow"
    assert access["StaticCode"] is False
    assert access["CodeRequirement"].split(" and ") == [
        'identifier "nl.lakzegel.agent"',
        "anchor apple generic",
        "certificate 1[field.1.2.840.113635.100.6.2.6] exists",
        "certificate leaf[field.1.2.840.113635.100.6.1.13] exists",
        'certificate leaf[subject.OU] = "A1B2C3D4E5"',
    ]


def test_the_example_authority_can_vouch_for_nobody(made):
    der = payloads(made[WHOLE])[APART["authority"]]["PayloadContent"]
    authority = x509.load_der_x509_certificate(der)
    assert authority.not_valid_after_utc.year == 2000


def test_what_the_profile_sets_is_what_the_agent_reads_as_locked(
    full, site_of, keys, tmp_path, monkeypatch
):
    """macOS writes the payload of a domain into the file of that domain, as it is."""
    payload = payloads(full[WHOLE])[DOMAIN]
    path = tmp_path / f"{DOMAIN}.plist"
    path.write_bytes(plistlib.dumps(payload, fmt=plistlib.FMT_BINARY))
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    reader = ManagedFile(path, plist_values, owner=path.stat().st_uid)
    layer = reader.read()
    settings = settings_of([layer.values])
    assert settings.keystore == site_of("macos").values["keystore"]
    told = {k for k, v in layer.values.items() if not isinstance(v, dict)}
    told |= {f"{k}.{n}" for k, v in layer.values.items() if isinstance(v, dict) for n in v}
    assert told == {key.name for key in keys}
    without_file = {name: v for name, v in payload.items() if name != "ca_file"}
    path.write_bytes(plistlib.dumps(without_file))
    config = load_config(tmp_path / "absent.toml", mdm=reader)
    assert config.server == "https://receiver.example"
    assert config.origins["log_keys"] == "mdm"


def test_each_key_in_a_comment_is_one_that_the_agent_takes(made, keys):
    text = made["mdm-profiles/macos/one-by-one/settings.mobileconfig"].decode()
    found = {}
    for note in NOTE.findall(text):
        lines = [line for line in note.splitlines() if line.strip().startswith("<")]
        found |= plistlib.loads(
            b'<?xml version="1.0"?><plist version="1.0"><dict>'
            + html.unescape("\n".join(lines)).encode()
            + b"</dict></plist>"
        )
    set_already = own(payloads(text.encode())[DOMAIN])
    settings_of([{**set_already, **found}])
    names = {k for k, v in found.items() if not isinstance(v, dict)}
    names |= {f"{k}.{n}" for k, v in found.items() if isinstance(v, dict) for n in v}
    assert names | set(set_already) == {key.name for key in keys}


def test_a_value_with_every_odd_character_arrives_as_it_is(keys, pins):
    odd = "https://x.example/<&>\"'--]]>é/€"
    made = files(keys, Site(values={**pins, "pac": odd}))
    assert payloads(made[WHOLE])[DOMAIN]["pac"] == odd


def test_a_phone_pairs_with_its_supervising_host_alone(keys, tmp_path):
    host = x509.load_pem_x509_certificate(EXAMPLE_AUTHORITY.read_bytes())
    der = host.public_bytes(Encoding.DER)
    made = files(keys, Site(host=der))
    whole = plistlib.loads(made["mdm-profiles/phones/iphone.mobileconfig"])
    assert applekeys.faults(whole, applekeys.TOP, applekeys.NEEDED | {"PayloadContent"}) == []
    assert "PayloadScope" not in whole
    (payload,) = whole["PayloadContent"]
    allowed = {**applekeys.COMMON, **applekeys.PAYLOADS["com.apple.applicationaccess"]}
    assert applekeys.faults(payload, allowed, applekeys.NEEDED) == []
    assert own(payload) == {"allowHostPairing": False, "forceEncryptedBackup": True}
    enrolment = json.loads(made["mdm-profiles/phones/enrolment-profile.json"])
    assert enrolment["is_supervised"] is True
    assert enrolment["allow_pairing"] is False
    assert [base64.b64decode(one) for one in enrolment["supervising_host_certs"]] == [der]
