# SPDX-License-Identifier: EUPL-1.2
"""The formats that sidecars name, against programs that name formats without us.

docs/spec/transfer.md §4 explains each row of what is not the same.
"""

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fido import CONFIG_DIR
from fido.versions import get_local_versions

from lakzegel_office.transfer.formats import identify_all
from tests.office.nasty import formats, mails

ARCHIVES = Path(sys.executable).parents[1] / "oracles/archives"
# what `file` calls otherwise than PRONOM does, by the ending that it has in a delivery
FILE_SAYS = {
    "fmt/950": {"text/plain", "application/octet-stream", "text/html", "message/rfc822"},
    "fmt/101": {"image/svg+xml", "text/xml"},
    "fmt/817": {"application/json"},
    "fmt/729": {"application/vnd.sqlite3"},
    "x-fmt/18": {"text/plain", "text/csv"},
    "x-fmt/111": {"text/plain", "application/json"},
    "x-fmt/409": {"application/x-dosexec"},
    "fmt/45": {"text/rtf"},
    "fmt/484": {"application/x-7z-compressed"},
    "fmt/567": {"image/webp"},
    "fmt/134": {"audio/mpeg"},
    "fmt/141": {"audio/x-wav"},
    "application/octet-stream": {"image/x-tga", "inode/x-empty"},
    "application/msword": {"application/x-ole-storage"},
}
# what siegfried, with a newer PRONOM, calls otherwise
SIEGFRIED_SAYS = {
    "fmt/950": {"UNKNOWN", "fmt/278"},
    "fmt/395": {"fmt/1880"},
    "fmt/134": {"UNKNOWN"},
    "fmt/290": {"fmt/291"},
    "fmt/294": {"fmt/295"},
}


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Files of many formats and some mails, and the format that we name for each."""
    root = tmp_path_factory.mktemp("vormen")
    for number, (ending, data) in enumerate(formats()):
        (root / f"bestand-{number}{ending}").write_bytes(data)
    for number, data in enumerate(mails(6).values()):
        (root / f"mail-{number}.eml").write_bytes(data)
    (root / "judge.keys").write_text("log log.example\n")
    paths = sorted(path.name for path in root.iterdir())
    return root, {str(root / name): found for name, found in identify_all(root, paths)}


def test_endings_alone_name_no_format_that_is_rare(named):
    _, ours = named
    found = {Path(name).suffix: one.puid or one.label for name, one in ours.items()}
    wanted = {
        ".txt": "x-fmt/111",
        ".keys": "x-fmt/111",
        ".json": "fmt/817",
        ".eml": "fmt/950",
        ".csv": "x-fmt/18",
        ".mp4": "video/mp4",
        ".doc": "application/msword",
        ".leeg": "application/octet-stream",
        ".pdf": "fmt/18",
        ".docx": "fmt/412",
    }
    assert wanted.items() <= found.items()
    assert len(set(found.values())) > 25


@pytest.mark.skipif(not shutil.which("file"), reason="the program file is not installed")
def test_file_names_the_same_but_for_what_is_explained(named):
    _, ours = named
    command = ["file", "--no-pad", "--mime-type", "--print0", "--files-from", "-"]
    said = subprocess.run(
        command, input="\n".join(ours), check=True, timeout=60, stdout=subprocess.PIPE, text=True
    )
    unlike = {}
    for line in said.stdout.splitlines():
        name, kind = line.split("\0")
        one = ours[name]
        known = FILE_SAYS.get(one.puid or one.label, {one.label, *pronom().get(one.puid, ())})
        if kind.strip(": ") not in known:
            unlike[Path(name).suffix] = (one, kind)
    assert unlike == {}


@functools.cache
def pronom():
    """The media types of each format, by its id."""
    signatures = Path(CONFIG_DIR) / get_local_versions(CONFIG_DIR).pronom_signature
    return {
        one.findtext("puid"): [kind.text for kind in one.findall("mime")]
        for one in ET.parse(signatures).getroot()
    }


SIEGFRIED = """
import json, pygfried, sys
for name in sys.stdin.read().splitlines():
    try:
        found = pygfried.identify(name, detailed=True)["files"][0]["matches"]
        print(json.dumps([name, [one["id"] for one in found]]))
    except pygfried.GoError:
        print(json.dumps([name, ["UNKNOWN"]]))
"""


@pytest.mark.soak
@pytest.mark.skipif(not ARCHIVES.is_dir(), reason="see tests/oracles/archives.sh")
def test_siegfried_names_the_same_but_for_what_is_explained(named):
    _, ours = named
    said = subprocess.run(
        [sys.executable, "-c", SIEGFRIED],
        input="\n".join(ours),
        check=True,
        timeout=300,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ARCHIVES)},
    )
    unlike = {}
    for line in said.stdout.splitlines():
        name, found = json.loads(line)
        one = ours[name]
        known = SIEGFRIED_SAYS.get(one.puid, {one.puid or "UNKNOWN"})
        if not known & set(found):
            unlike[Path(name).suffix] = (one, found)
    assert unlike == {}
