# SPDX-License-Identifier: EUPL-1.2
"""What Sphinx is told of every part of the site; build.py adds what one part has of its own."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "Lakzegel"
release = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"][
    "version"
]
extensions = ["myst_parser", "links"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site", "**/.*"]

myst_heading_anchors = 4
myst_url_schemes = {  # the last two are made by links.py: a page of another part
    **dict.fromkeys(("http", "https", "mailto")),
    "site": "{{path}}",
    "place": "{{path}}#{{fragment}}",
}
suppress_warnings = ["misc.highlighting_failure"]  # lakzegel-note and abnf have no lexer
highlight_language = "text"

html_theme = "theme"
html_theme_path = [str(HERE)]
html_static_path = [str(HERE.parents[1] / "web" / "lakzegel_web" / "static" / "seal.svg")]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch each page, and a page from a folder cannot
html_permalinks = False
html_use_index = False
html_domain_indices = False
smartquotes = False
