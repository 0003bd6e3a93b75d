# SPDX-License-Identifier: EUPL-1.2
"""The profiles name what the packages install: the same identifier, labels, service and places."""

import plistlib
import re
import runpy

import pytest

from lakzegel_agent.managed import MACOS
from lakzegel_agent.services import msi
from lakzegel_agent.services.windowsservice import NAME
from lakzegel_profiles.apple import BUNDLE
from lakzegel_profiles.macos import HELPER


@pytest.fixture(scope="module")
def identity(root):
    return runpy.run_path(str(root / "packaging/frozen/lakzegel_frozen/identity.py"))


def test_full_disk_access_names_the_agents_program_and_never_its_worker(identity, made):
    assert identity["IDENTIFIER"] == BUNDLE == MACOS.stem
    worker = identity["WORKER_IDENTIFIER"].encode()
    assert [name for name, data in made.items() if worker in data] == []


def test_background_items_are_the_labels_of_launchd(root):
    jobs = [plistlib.loads(path.read_bytes()) for path in (root / "packaging/launchd").iterdir()]
    assert {job["Label"] for job in jobs} == {BUNDLE, HELPER}


def test_the_scripts_ask_the_program_that_launchd_starts_with_the_same_settings(root):
    jobs = [plistlib.loads(path.read_bytes()) for path in (root / "packaging/launchd").iterdir()]
    (daemon,) = [job["ProgramArguments"] for job in jobs if job["Label"] == BUNDLE]
    for name in ("jamf/extension-attribute-state.sh", "intune/macos/custom-attribute.sh"):
        text = (root / "mdm-profiles" / name).read_text()
        assert re.search(r"LAKZEGEL_AGENT:-(.*)}", text)[1] == daemon[0]
        assert re.search(r"LAKZEGEL_CONFIG:-(.*)}", text)[1] == daemon[daemon.index("--config") + 1]


def test_detection_on_windows_looks_for_the_packages_name(root, identity):
    text = (root / "mdm-profiles/intune/windows/app-detection.ps1").read_text()
    assert f"'{identity['NAME']}*'" in text


def test_the_scripts_of_windows_ask_the_program_that_its_service_starts(root):
    folder = root / "mdm-profiles/intune/windows"
    for name in ("detect", "compliance"):
        text = (folder / f"{name}.ps1").read_text()
        places = dict(re.findall(r"\$(agent|config) = Join-Path \$env:\w+ '(.*)'", text))
        assert msi.PROGRAM.endswith(places["agent"])
        assert msi.CONFIG.endswith(places["config"])
    assert f"'{NAME}'" in (folder / "remediate.ps1").read_text()
