# SPDX-License-Identifier: EUPL-1.2
"""Every file of an office's home, under holds and after disposals: harm is found and named.

Exceptions (docs/spec/mirror.md §6): a lock has nothing in it; a key or a note may be elsewhere;
what `state/` has is made again, and whoever asks is told the same as before.
"""

import os
import random
import resource
import shutil

import pytest

from tests.office import tampering
from tests.office.tampering import clear, files_of, in_time, odd_things

VERIFY = ("verify", "--open", "--quiet")
KEYLESS = ("verify", "--quiet")
ASKED = (("search", "", "--limit", "0", "--quiet"), ("list",), VERIFY)
AS_GOOD = {
    "keys/": ("nothing", "a link to its bytes"),
    "notes/": ("nothing", "short by a byte", "that of "),  # each is signed, by whatever name
    "office.toml": ("short by a byte", "a line longer", "a link to its bytes"),
    "selection.toml": (),
    "witness/lock": (),
    "records/": ("longer by zeros",),  # as after a crash; the next entry takes it away
}
MEMORY = 400 << 20  # bytes; ten gigabytes of nothing are never read into it


@pytest.fixture(scope="module")
def lived(founded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bewoond")
    return (*tampering.lived_in(founded, folder), folder)


def is_as_good(name, what):
    for begin, kinds in AS_GOOD.items():
        if name.startswith(begin):
            return not kinds or what.startswith(kinds)
    return False


def told(world, capsys, *command):
    capsys.readouterr()
    with in_time():
        code = world.run(*command)
    said = capsys.readouterr()
    return code, said.out + said.err


def overlooked(world, capsys, heads, name, what):
    """Return what is wrong with what is told of one harm, None where it is found and named."""
    commands = [KEYLESS if name.startswith(("mirror/", "notes/", "witness/")) else VERIFY]
    if name == "mirror/held":
        commands = [VERIFY]  # an older one is true as far as it goes
    if name.startswith("records/"):
        commands.append(("trail", "--check", str(heads)))
    codes, said = [], ""
    for command in commands:
        code, text = told(world, capsys, *command)
        codes, said = [*codes, code], said + text
    named = name.rpartition("/")[2].partition("-")[0] in said
    if set(codes) <= {0, 1, 2} and (is_as_good(name, what) or (any(codes) and named)):
        return None
    return name, what, codes, said[-200:]


def harms(path, name, data, known, earlier, chance, more):
    """Yield each harm that is done to a file: what it is, and what does it."""
    if data:
        for place, bit in tampering.places(data, chance, more):
            changed = tampering.flipped(data, place, bit)
            yield f"bit {bit} of byte {place}", lambda changed=changed: path.write_bytes(changed)
    for what, changed in tampering.rewritten(name, data, known, earlier):
        if changed != data:
            yield what, lambda changed=changed: path.write_bytes(changed)


def each_harm(world, earlier, folder, chance, more, wanted):
    """Do each harm to each file that is wanted, one at a time, and yield which it was."""
    known, aside = files_of(world), folder / "aside"
    for name, data in known.items():
        if not wanted(name):
            continue
        path = world.home.root / name
        aside.write_bytes(data)
        for what, harm in harms(path, name, data, known, earlier, chance, more):
            harm()
            yield name, what
            path.write_bytes(data)
        for number in range(len(list(odd_things(path, aside)))):
            clear(path)
            what, put = list(odd_things(path, aside))[number]
            put()
            yield name, what
            clear(path)
            path.write_bytes(data)


def is_evidence(name):
    return not name.startswith("state/")


@pytest.mark.soak
def test_every_harm_to_a_file_that_must_stay_is_found_and_named(lived, capsys):
    world, earlier, folder = lived
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    harmed = each_harm(world, earlier, folder, random.Random(seed), 2, is_evidence)
    found = (overlooked(world, capsys, folder / "heads", *harm) for harm in harmed)
    assert [each for each in found if each is not None] == []
    assert world.run(*VERIFY) == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < MEMORY


@pytest.mark.soak
def test_whatever_happens_to_state_nothing_else_is_told(lived, capsys):
    world, earlier, folder = lived
    before = {command: told(world, capsys, *command) for command in ASKED}
    whole = folder / "whole"
    shutil.copytree(world.home.state, whole, dirs_exist_ok=True)
    wrong = []
    chance = random.Random(1)
    for name, what in each_harm(world, earlier, folder, chance, 0, lambda n: not is_evidence(n)):
        for command in ASKED:
            code, said = told(world, capsys, *command)
            named = code in {1, 2} and name.rpartition("/")[2][:60] in said
            if (code, said) != before[command] and not named:
                wrong.append((name, what, command, code, said[-200:]))
        shutil.rmtree(world.home.state)
        shutil.copytree(whole, world.home.state)
    assert wrong == []


def test_a_bit_and_a_pipe_in_each_kind_of_file_beside_the_mirror_are_named(lived, capsys):
    """The short form; `test_verify.py` has that of the mirror, `test_disposals.py` theirs."""
    world, _, folder = lived
    kinds, wrong = {}, []
    for name in files_of(world):
        if name.startswith(("keys/held", "records/destructions", "witness/logs", "notes/hold")):
            kinds[name.rpartition(".")[2][:9]] = name
    for name in kinds.values():
        path, data = world.home.root / name, (world.home.root / name).read_bytes()
        path.write_bytes(tampering.flipped(data, len(data) // 2, 1))
        wrong.append(overlooked(world, capsys, folder / "heads", name, "a bit"))
        path.unlink()
        os.mkfifo(path)
        wrong.append(overlooked(world, capsys, folder / "heads", name, "a pipe"))
        path.unlink()
        path.write_bytes(data)
    assert [each for each in wrong if each is not None] == []
