# SPDX-License-Identifier: EUPL-1.2
"""The real packages, of environments from the locks: the same twice, whole, small, and no worse.

Only by `make soak`.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lakzegel_linux import build, products
from lakzegel_linux.environment import PYTHON, Environment
from tests.packaging.conftest import MOMENT, ROOT, needs
from tests.packaging.test_packages import one, out_of

pytestmark = pytest.mark.soak
LARGEST = 60_000_000  # bytes of the agent on a disk, without the interpreter
PRODUCTS = {product.name: product for product in products.PRODUCTS}
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
SYSTEM = {"ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6"}
SYSTEM |= {"libpthread.so.0", "librt.so.1"}
# what Debian asks of its own packages, and is otherwise here on purpose
ELSEWISE = {
    "embedded-library": "wheels have their libraries in them",
    "hardening-no-fortify-functions": "wheels are compiled by those who publish them",
    "interpreter-in-usr-local": "first line of a module that nobody can run as a program",
    "no-manual-page": "each command has --help",
    "initial-upload-closes-no-bugs": "this is no upload to Debian",
    "package-installs-python-pycache-dir": "docs/adr/0028",
    "unusual-interpreter": "an environment's own interpreter",
}


@pytest.fixture(scope="module")
def twice(made, tmp_path_factory):
    """The same packages made once more, with nothing shared but pip's cache."""
    folder = tmp_path_factory.mktemp("again")
    tree = build.Tree(ROOT, folder / "work", folder / "out", "1", MOMENT)
    build.clean(tree)
    wheel = build.build_wheel(tree)
    for product in products.PRODUCTS:
        build.build(tree, product, wheel)
    return tree


def environment_of(tree, name):
    return Environment(tree.work / name, PRODUCTS[name].home, ())


def test_each_package_is_the_same_twice(made, twice):
    names = [path.name for path in twice.out.iterdir()]
    assert len(names) == 10
    for name in names:
        assert (twice.out / name).read_bytes() == (made[0].out / name).read_bytes(), name


def test_the_agent_is_small(made):
    files = [path for path in (made[0].work / "lakzegel-agent").rglob("*") if path.is_file()]
    assert 20_000_000 < sum(path.lstat().st_size for path in files) < LARGEST


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_distribution_is_in_the_bill_with_a_hash_of_the_lock(made, name):
    tree = made[0]
    lock = (ROOT / "requirements" / f"{PRODUCTS[name].lock}.txt").read_text()
    bill = json.loads(one(tree.out, f"{name}-0.1.0-1.cdx.json").read_text())
    found = environment_of(tree, name).packages.glob("*.dist-info")
    assert len(bill["components"]) == len(list(found)) - 1  # ours
    for part in bill["components"]:
        (said,) = part["hashes"]
        assert said["content"] in HASH.findall(lock)


@pytest.mark.parametrize("name", PRODUCTS)
def test_libraries_ask_for_nothing_that_a_package_does_not_ask_for(made, name):
    needs("readelf")
    for path in environment_of(made[0], name).packages.rglob("*.so*"):
        wanted = set(re.findall(r"NEEDED.*\[(.*)\]", out_of("readelf", "--dynamic", path)))
        assert wanted <= SYSTEM, path
        assert "debug_info" not in out_of("readelf", "--section-headers", "--wide", path)


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_module_of_ours_is_imported_by_the_environment_alone(made, name, tmp_path):
    python = Path("/usr/bin", PYTHON)
    if not python.exists():
        pytest.skip(f"not here: {python}")
    alone = f"import runpy, sys; sys.path.append({str(environment_of(made[0], name).packages)!r}); "
    alone += f"runpy.run_path({str(ROOT / '.ci/rooms.py')!r}, run_name='__main__')"
    for room in PRODUCTS[name].rooms:
        done = subprocess.run(
            [python, "-I", "-S", "-B", "-c", alone, room, "pip", "setuptools", "pytest"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PRODUCTS)
def test_lintian_finds_nothing_that_has_no_reason(made, name):
    needs("lintian")
    command = [
        "lintian",
        "--no-cfg",
        "--allow-root",
        "--fail-on",
        "none",
        "--tag-display-limit",
        "1",
    ]
    (package,) = made[0].out.glob(f"{name}_*.deb")
    done = subprocess.run([*command, package], capture_output=True, text=True, check=False)
    rows = [row for row in done.stdout.splitlines() if row[:2] in {"E:", "W:"}]
    assert [row for row in rows if row.split(": ", 2)[2].split()[0] not in ELSEWISE] == []
