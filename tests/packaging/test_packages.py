# SPDX-License-Identifier: EUPL-1.2
"""What a package for Linux is: the tree's bytes and nobody's machine, as dpkg and rpm see them."""

import json
import marshal
import os
import re
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lakzegel_linux import build, environment, launchers
from lakzegel_linux.errors import PackagingError
from tests.packaging.conftest import AGENT, DISTRIBUTIONS, MOMENT, ROOT, needs

LINE = re.compile(r"^(\S{10})\s+(\S+)\s+\S+\s+\S+\s+\S+\s+\./(\S*)")


def out_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def one(folder, ending):
    (found,) = folder.glob(f"*{ending}")
    return found


def test_the_same_tree_gives_the_same_bytes_for_whoever_makes_it_wherever(small, again):
    here, there = small[0].out, again[0].out
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == 5
    endings = [name.rpartition(".")[2] for name in names]
    assert endings == ["SHA256SUMS", "whl", "json", "rpm", "deb"]
    for name in names:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name


def test_a_folder_with_other_things_is_not_emptied(tmp_path):
    (tmp_path / "thesis.odt").touch()
    tree = build.Tree(ROOT, tmp_path / "work", tmp_path, "1", MOMENT)
    with pytest.raises(PackagingError, match="holds other things too"):
        build.clean(tree)
    assert (tmp_path / "thesis.odt").exists()


def test_the_sums_are_what_sha256sum_reads(small):
    done = out_of("sh", "-c", f"cd '{small[0].out}' && sha256sum --strict --check SHA256SUMS")
    assert done.count(": OK") == 4


def test_nothing_in_a_package_tells_where_or_by_whom_it_was_made(small):
    tree, made = small
    clues = [str(tree.work).encode(), str(ROOT).encode()]
    whole = [path for path in made.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(whole) > 100
    for path in (*whole, *(tree.work / f"{AGENT.name}-deb-1").glob("p*")):
        data = path.read_bytes()
        assert not [clue for clue in clues if clue in data], path


def test_every_file_of_a_deb_is_roots_and_writable_for_nobody_else(small):
    needs("dpkg-deb")
    rows = out_of("dpkg-deb", "--contents", one(small[0].out, ".deb")).splitlines()
    found = [match.groups() for row in rows if (match := LINE.match(row))]
    assert len(found) == len(rows)
    for mode, owner, name in found:
        assert owner == "root/root", name
        runs = name.startswith("usr/bin/l") or mode[0] == "d"
        assert mode[0] == "l" or mode[1:] == ("rwxr-xr-x" if runs else "rw-r--r--"), name


def test_a_package_has_no_file_of_the_administrators_about_which_it_would_ask(small):
    needs("dpkg-deb")
    tree = small[0]
    control = out_of("dpkg-deb", "--info", one(tree.out, ".deb"))
    assert "conffiles" not in control
    assert "Depends: python3.11, libc6 (>= 2." in control
    rows = out_of("dpkg-deb", "--contents", one(tree.out, ".deb")).splitlines()
    assert [row.split("./")[1] for row in rows if "./etc/" in row] == ["etc/", "etc/lakzegel/"]


def test_an_rpm_asks_for_the_interpreter_and_knows_no_machine(small):
    needs("rpm")
    form = "[%{REQUIRES}\n]%{BUILDHOST} %{BUILDTIME} %{LICENSE}\n"
    found = out_of("rpm", "-qp", "--queryformat", form, one(small[0].out, ".rpm"))
    assert "/usr/bin/python3.11\n" in found
    assert found.endswith("lakzegel.invalid 1790000000 EUPL-1.2\n")


def test_an_rpm_and_a_deb_have_the_same_files(small):
    needs("rpm", "dpkg-deb")
    listed = set(out_of("rpm", "-qlp", one(small[0].out, ".rpm")).split())
    rows = out_of("dpkg-deb", "--contents", one(small[0].out, ".deb")).splitlines()
    files = {"/" + LINE.match(row)[3].rstrip("/") for row in rows}
    assert {name for name in files if "lakzegel" in name} == listed


def test_what_is_compiled_says_what_it_is_compiled_of_and_is_not_looked_up_again(small):
    _, made = small
    sources = sorted(made.packages.rglob("*.py"))
    assert len(sources) > 40
    for source in sources:
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")
        data = compiled.read_bytes()
        assert int.from_bytes(data[4:8], "little") == 1, source  # PEP 552: by hash, unchecked
        place = f"/{source.relative_to(made.root)}"
        assert marshal.loads(data[16:]).co_filename == place


def test_no_test_type_stub_or_record_of_pips_goes_along(small):
    left = list(small[1].packages.rglob("*"))
    assert not [path for path in left if path.name in {"RECORD", "INSTALLER", "tests"}]
    assert not [path for path in left if path.suffix in {".pyi", ".c", ".h"}]
    assert [path.name for path in left if path.name == "METADATA"] == ["METADATA"] * 4


def test_the_bill_of_materials_is_valid_and_names_each_distribution_with_licence_and_hash(small):
    tree, made = small
    text = one(tree.out, ".cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = {
        part["name"].lower().replace("_", "-"): part for part in json.loads(text)["components"]
    }
    assert set(found) == set(DISTRIBUTIONS)
    for part in found.values():
        (licence,) = part["licenses"]
        assert licence.get("expression") or licence["license"]["id"]
        assert part["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
        assert part["version"]
    assert (made.root / "usr/share/doc/lakzegel-agent/sbom.cdx.json").read_text() == text


@pytest.mark.parametrize("kind", ["deb", "rpm"])
def test_every_script_is_one_that_the_systems_shell_reads(small, kind):
    tree, _ = small
    folder = tree.work / f"{AGENT.name}-{kind}-1"
    names = sorted(path for path in folder.iterdir() if path.suffix != ".json")
    assert len(names) in {4, 5}
    for path in names:
        assert path.read_text().startswith("#!/bin/sh\n")
        subprocess.run(["sh", "-n", path], check=True)
        assert "read " not in path.read_text().replace("while IFS= read -r home", "")


def test_a_command_reads_nothing_of_its_callers_python(tmp_path, small):
    if not Path("/usr/bin/python3.11").exists():
        pytest.skip("not here: /usr/bin/python3.11")
    home = str(tmp_path / "home")
    made = environment.make_skeleton(Path("/"), home)
    (made.packages / "shown").mkdir()
    program = (
        "import os, subprocess, sys\n"
        "def main():\n"
        "    child = [sys.executable, '-P', '-c', 'import sys; print(sys.path)']\n"
        "    subprocess.run(child, check=True)\n"
        "    print(sys.path, sorted(name for name in os.environ if 'PYTHON' in name))\n"
    )
    (made.packages / "shown/__main__.py").write_text(program)
    command = launchers.write(tmp_path / "root", home, "shown", "shown")
    stray = tmp_path / "stray"
    stray.mkdir()
    (stray / "os.py").write_text("raise SystemExit('stray')")
    told = {"PYTHONPATH": str(stray), "PYTHONSTARTUP": "x", "HOME": str(stray)}
    done = subprocess.run(
        [command], cwd=stray, env={**os.environ, **told}, capture_output=True, text=True, check=True
    )
    assert str(stray) not in done.stdout
    assert done.stdout.count(str(made.packages)) == 2
    assert done.stdout.endswith("[]\n")
