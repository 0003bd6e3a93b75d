# SPDX-License-Identifier: EUPL-1.2
"""A device put back to an old image, a clone beside it, a ledger that is gone: nothing is lost."""

import shutil


def image(world, name="image"):
    place = world.root / name
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(world.agent_home, place)
    return place


def put_back(world, place):
    shutil.rmtree(world.agent_home)
    shutil.copytree(place, world.agent_home)


def aside(world):
    return sorted(p.name for p in (world.agent_home / "given-up").glob("*"))


def test_an_old_image_opens_an_epoch_and_everything_comes_back_once(ready, same_tree):
    folder = ready.sources["map"][1]
    for number in range(5):
        (folder / f"eerst {number}.txt").write_text(f"eerst {number}")
    ready.once()
    place = image(ready)
    for number in range(4):
        (folder / f"later {number}.txt").write_text(f"later {number}")
    ready.once()
    put_back(ready, place)
    report = ready.once()
    assert (report["found"], report["sealed"], report["failed"]) == (9, 9, 0)
    ready.pull()
    verified = ready.verify()
    assert "not proven" in verified.stdout
    assert same_tree(folder, ready.restore() / "map") == []
    rows = ready.items("capture")
    assert len(rows) == 9 + 4  # only what was captured between is there twice
    assert aside(ready) == []


def clone(world, place):
    """The configuration of a second device that was made from the first one's image."""
    home = world.root / "clone"
    shutil.copytree(place, home)
    config = world.root / "clone.toml"
    config.write_text(world.config.read_text().replace(str(world.agent_home), str(home)))
    return config


def test_batches_that_a_new_epoch_gives_up_are_kept_and_said(ready, lakzegel):
    folder = ready.sources["map"][1]
    (folder / "eerst.txt").write_text("eerst")
    ready.once()
    other = clone(ready, image(ready))
    ready.server.stop()
    (folder / "weg.txt").write_text("alleen nog in de spoel")
    ready.once(expect=3)
    (folder / "weg.txt").unlink()
    (folder / "ander.txt").write_text("ander")
    ready.server.start()
    lakzegel("agent", "once", "--config", other)  # takes the number of the batch in the spool
    done = ready.once(expect=1)  # what vanished could not be captured again
    assert "Traceback" not in done.stderr
    kept = aside(ready)
    assert [name.rpartition(".")[2] for name in kept] == ["body", "head", "keyring"]
    assert "given-up" in {problem["code"] for problem in ready.status()["problems"]}
    ready.once(expect=1)
    assert aside(ready) == kept
    ready.pull()
    ready.verify("--quiet")
    rows = ready.office("list", "--kind", "observation", "--json").stdout
    assert "given-up" in rows
    assert (ready.restore() / "map/ander.txt").read_text() == "ander"


def test_a_clone_beside_the_original_is_seen_and_one_of_them_stops(ready, lakzegel):
    folder = ready.sources["map"][1]
    (folder / "a.txt").write_text("a")
    ready.once()
    other = clone(ready, image(ready))
    (folder / "b.txt").write_text("b")
    ready.once()
    lakzegel("agent", "once", "--config", other)  # a new epoch, that closes the original's
    (folder / "c.txt").write_text("c")
    done = ready.once(expect=3)
    assert len([line for line in done.stderr.splitlines() if "superseded" in line]) <= 1
    assert ready.agent("status", expect=1).stdout.count("superseded") >= 1
    ready.pull()
    assert "not proven" in ready.verify().stdout
    token = ready.root / "token-again"
    ready.office("admit", "--device", "minister-laptop", token)
    ready.publish(token.with_name(token.name + ".note"))
    ready.agent("enrol", "--token-file", token)  # what status tells to do
    ready.pull()
    ready.set_policy()  # its annex is for the new key
    report = ready.once()
    assert (report["found"], report["sealed"]) == (3, 3)
    assert [p.name for p in ready.agent_home.glob("lost-*/spool/*.head")]  # kept whole


def test_a_ledger_that_is_gone_takes_no_unsent_batch_with_it(ready):
    ready.once()  # brings the policy
    (ready.sources["map"][1] / "a.txt").write_text("a")
    ready.server.stop()
    ready.once(expect=3)
    for path in ready.agent_home.glob("ledger.sqlite*"):
        path.unlink()
    ready.server.start()
    done = ready.once(expect=2)
    assert "not enrolled" in done.stderr
    assert len(aside(ready)) == 6  # readiness is a batch of its own
