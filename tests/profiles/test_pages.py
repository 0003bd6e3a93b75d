# SPDX-License-Identifier: EUPL-1.2
"""What the pages tell an administrator to take is there."""

import re

import pytest

PAGES = [
    "mdm-profiles/README.md",
    "mdm-profiles/companions/README.md",
    "docs/guides/nl/mdm.md",
    "docs/guides/en/mdm.md",
]
PLACES = "windows|intune|jamf|macos|linux|companions|phones|thunderbird"
NAMED = re.compile(rf"`((?:{PLACES})/[\w./*-]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(root, folder, page):
    path = root / page
    named = NAMED.findall(path.read_text())
    assert len(named) > 3
    places = {folder, path.parent} if "mdm-profiles" in page else {folder}
    assert [one for one in named if not any(list(place.glob(one)) for place in places)] == []


@pytest.mark.parametrize("page", PAGES[:2])
def test_every_link_of_a_page_leads_somewhere(root, page):
    path = root / page
    targets = [one for one in LINK.findall(path.read_text()) if "://" not in one]
    assert targets
    assert [one for one in targets if not (path.parent / one).exists()] == []
