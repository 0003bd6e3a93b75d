# SPDX-License-Identifier: EUPL-1.2
"""Makes the site in a folder: each part by Sphinx, any warning is an error, and a first page."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from sphinx.cmd.build import main as sphinx

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from checking import broken, pages_of  # noqa: E402 - lies beside this file
from links import PARTS  # noqa: E402 - lies beside this file
from sources import stamp  # noqa: E402 - lies beside this file

OWN: Final = {  # what a part has of its own
    "nl": ["language=nl", "html_search_language=nl"],
    "en": ["language=en"],
    "reference": [
        *("language=en", "root_doc=README"),
        "exclude_patterns=site,guides/nl,guides/en,**/.*",
    ],
}
LEFT: Final = (".buildinfo", "objects.inv", "_sources")  # of no use without Sphinx
FIRST: Final = """<!doctype html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Lakzegel</title>
<link rel="icon" type="image/svg+xml" href="nl/_static/seal.svg">
<link rel="stylesheet" href="nl/_static/site.css">
</head>
<body>
<main class="first">
<h1><img src="nl/_static/seal.svg" alt="" width="40" height="40"> Lakzegel</h1>
<ul>
<li><a href="nl/index.html">Handleidingen in het Nederlands</a></li>
<li><a href="en/index.html" lang="en" hreflang="en">Guides in English</a></li>
<li><a href="reference/README.html" lang="en" hreflang="en">Reference (English)</a></li>
</ul>
</main>
</body>
</html>
"""


def built(part: str, out: Path, memory: Path) -> int:
    """Sphinx's exit code for one part."""
    own = [word for one in (*OWN[part], f"part={part}") for word in ("-D", one)]
    told = ["-W", "--keep-going", "-q", "-n", "-j", "2", "-E", "-c", str(HERE)]
    folders = ["-d", str(memory / part), str(PARTS[part]), str(out / part)]
    return int(sphinx(["-b", "html", *told, *own, *folders]))


def main(argv: list[str]) -> int:
    """0 once the site is whole; else nothing is left of it."""
    (out,) = (Path(one) for one in argv)
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as memory:
        codes = [built(part, out, Path(memory)) for part in PARTS]
    if any(codes):
        shutil.rmtree(out, ignore_errors=True)
        return 1
    for made in (made for name in LEFT for made in out.glob(f"*/{name}")):
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    (out / "index.html").write_text(FIRST, "utf-8")
    lost = broken(pages_of(out))
    if lost:
        print("\n".join(lost), file=sys.stderr)
        return 1
    (out / "made-of").write_text(stamp() + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
