# SPDX-License-Identifier: EUPL-1.2
"""What holds the device's permission is the agent alone, and no interpreter."""

import os
import shutil
import subprocess

import pytest

from lakzegel_agent import ownprocess

EVIL = "print('NOT THE AGENT')\n"


@pytest.fixture
def evil(tmp_path):
    """A folder full of what an interpreter would take up."""
    (tmp_path / "lakzegel_agent").mkdir()
    for name in ("evil.py", "sitecustomize.py", "usercustomize.py", "lakzegel_agent/__init__.py"):
        (tmp_path / name).write_text(EVIL)
    (tmp_path / "argparse.py").write_text(EVIL)
    return tmp_path


def test_the_program_is_the_agent(run):
    done = run("status", "--help")
    assert done.returncode == 0
    assert "lakzegel-agent status" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["-c", EVIL], ["-m", "http.server"], ["evil.py"], ["-"], ["-i"], ["-x", "evil.py"], []],
    ids=["-c", "-m", "script", "stdin", "-i", "-x", "nothing"],
)
def test_it_runs_no_code_that_it_is_handed(run, evil, arguments):
    done = run(*arguments, cwd=evil, input=EVIL, stdin=None)
    assert done.returncode == 2
    assert "NOT THE AGENT" not in done.stdout
    assert "Traceback" not in done.stderr


def test_it_takes_no_module_from_its_callers_folder_or_environment(run, evil):
    told = {
        "PYTHONPATH": str(evil),
        "PYTHONHOME": str(evil),
        "PYTHONUSERBASE": str(evil),
        "PYTHONSTARTUP": str(evil / "evil.py"),
        "PYTHONINSPECT": "1",
        "PYTHONPLATLIBDIR": str(evil),
        "__PYVENV_LAUNCHER__": str(evil),
        "PATH": str(evil),
        "HOME": str(evil),
    }
    done = run("status", "--help", cwd=evil, env=told)
    assert done.returncode == 0
    assert "NOT THE AGENT" not in done.stdout


def test_it_processes_no_pth_file_of_its_own_packages(tree, run):
    path = tree / "lib/runtime/site-packages/evil.pth"
    path.write_text("import sys; print('NOT THE AGENT')\n")
    try:
        assert "NOT THE AGENT" not in run("--help").stdout
    finally:
        path.unlink()


def test_the_agents_program_runs_no_worker(run):
    assert run("settings", "x").returncode == 2
    assert run("--worker", "settings", "x").returncode == 2


def test_the_workers_program_runs_a_worker_and_nothing_else(run, tmp_path):
    done = run("settings", str(tmp_path / "none.toml"), program="lakzegel-worker", text=False)
    assert done.returncode == 0
    assert b"cannot read the configuration" in done.stdout
    for arguments in ([], ["-c", EVIL], ["-m", "http.server"], ["os"], ["lakzegel_agent.once"]):
        done = run(*arguments, program="lakzegel-worker")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "lakzegel-worker: is started by lakzegel-agent alone\n"


def test_an_agent_of_its_own_starts_workers_of_its_own(run, tmp_path):
    """`once` has its settings read by another process before it fails for want of them."""
    config = tmp_path / "agent.toml"
    config.write_text("")
    done = run("once", "--config", str(config))
    assert done.returncode == 2
    assert "agent.toml" in done.stderr


def test_whatever_the_agent_starts_of_itself_is_a_worker_with_a_name(checkout):
    places = {
        path.relative_to(checkout / "agent/lakzegel_agent").as_posix()
        for path in (checkout / "agent/lakzegel_agent").rglob("*.py")
        if "sys.executable" in path.read_text() or "multiprocessing." in path.read_text()
    }
    # the second begins itself anew, with its own arguments, on Linux
    assert places == {"ownprocess.py", "platforms/posix.py"}
    for module in ownprocess.WORKERS.values():
        path = checkout / "agent" / (module.replace(".", "/") + ".py")
        assert 'if __name__ == "__main__":' in path.read_text()


def test_no_file_of_the_tree_is_an_interpreter(tree):
    programs = [path for path in tree.rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    assert sorted(path.name for path in programs if not path.name.endswith(".so")) == [
        "lakzegel-agent",
        "lakzegel-worker",
    ]


def test_a_copy_with_modules_of_ones_own_beside_it_is_of_no_use(tree, tmp_path):
    """It has the signature and so the right of the program; what it would run is its maker's."""
    folder = tmp_path / "mine"
    shutil.copytree(tree, folder, symlinks=True)
    (folder / "lib/runtime/lib/runpy.pyc").unlink(missing_ok=True)
    (folder / "lib/runtime/lib/runpy.py").write_text(EVIL)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1000, 1000, follow_symlinks=False)
    for program in (folder / "bin/lakzegel-agent", tree / "bin/lakzegel-agent"):
        if program.is_relative_to(tree):  # another name of the very file, in the same folder
            (folder / "bin/lakzegel-agent").unlink()
            os.link(program, folder / "bin/lakzegel-agent")
        done = subprocess.run(
            [folder / "bin/lakzegel-agent"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (4, "")
        assert "others than an administrator" in done.stderr


@pytest.mark.parametrize("place", ["lib/runtime", "lib", ""])
def test_a_tree_that_others_can_write_is_not_started(tree, run, place):
    folder = tree / place
    before = folder.stat().st_mode
    folder.chmod(0o777)
    try:
        done = run("--help")
    finally:
        folder.chmod(before)
    assert done.returncode == 4
    assert done.stderr.startswith("lakzegel-agent: cannot start: ")
    assert done.stderr.endswith("; install the package again\n")


def test_a_tree_without_its_library_says_so_in_one_line(tree, tmp_path):
    (tmp_path / "bin").mkdir()
    shutil.copy2(tree / "bin/lakzegel-agent", tmp_path / "bin")
    done = subprocess.run(
        [tmp_path / "bin/lakzegel-agent"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stderr == (
        "lakzegel-agent: cannot start: the Python library is missing, or others can write it; "
        "install the package again\n"
    )


def test_it_writes_nothing_into_its_tree(tree, run):
    def names():
        return sorted(path for path in tree.rglob("*") if path.is_dir())

    before = names()
    run("status", "--help")
    assert names() == before
    assert not list(tree.rglob("lakzegel_agent/__pycache__/*.pyc.*"))
