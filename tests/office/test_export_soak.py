# SPDX-License-Identifier: EUPL-1.2
"""An export of real mail, spam for the most part."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak
DATA = Path(__file__).parents[3] / "shared/data"
XSD = DATA / "mdto/MDTO-XML1.0.1.xsd"
CORPUS = DATA / "mail-spamassassin"


def exported(world, out, *more):
    when = ["--created", "2026-11-30T12:00:00Z", "--quiet"]
    assert world.run("export", "--format", "mdto", *when, *more, str(out)) == 0


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/data/mail-spamassassin is not here")
def test_real_mail_leaves_as_it_is_with_renderings(world, device, tmp_path):
    mails = {f"cur/{p.name}": [p.read_bytes()] for p in sorted(CORPUS.glob("*.eml"))}
    device.send_as("maildir", mails)
    world.pull()
    out = tmp_path / "uit"
    exported(world, out, "--renderings", *(["--xsd", str(XSD)] if XSD.is_file() else []))
    told = json.loads(next(out.rglob("inventaris.json")).read_bytes())
    assert told["counts"]["failed"] == 0
    originals = {f["path"] for f in told["files"] if f["role"] == "origineel"}
    assert {(out / path).read_bytes() for path in originals} <= {data for (data,) in mails.values()}
    for page in out.rglob("*.html"):
        found = Active()
        found.feed(page.read_text())
        assert not found.active, page


class Active(HTMLParser):
    """What of a page would run or fetch."""

    def __init__(self):
        super().__init__()
        self.active = []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "iframe", "object", "embed", "link", "base", "form", "svg", "video"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"href", "srcset", "style", "action"}:
                self.active.append(name)
            if name == "src" and not value.startswith("data:image/"):
                self.active.append(value)
