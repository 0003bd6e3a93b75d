# SPDX-License-Identifier: EUPL-1.2
"""A receiver says how it fares: by tests that fail when they should, and by counts."""

import asyncio
import sqlite3
import threading
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.errors import SignatureError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.chores import Chores
from lakzegel_server.fleet.model import Condition
from lakzegel_server.settings import Settings
from lakzegel_server.settings_vitals import Healthz, Metrics
from lakzegel_server.standing import Phase, Standing
from lakzegel_server.stores import names
from lakzegel_server.vitals import probes as module
from lakzegel_server.vitals import tests as made
from lakzegel_server.vitals.gauges import Fleet, Gauges
from lakzegel_server.vitals.probes import Probes
from lakzegel_server.web.vitals import others
from lakzegel_server.workers import Workers

NAMES = [
    "database",
    "disk",
    "keys",
    "checkpoint",
    "sealing",
    "chores",
    "clock",
    "handover",
    "certificate",
]


@pytest.fixture
def asked(world, monkeypatch):
    """What /healthz says of each test, tested anew."""
    monkeypatch.setattr(module, "FRESH", 0.0)
    monkeypatch.setattr(made, "SHOWN_SECONDS", 0.1)
    monkeypatch.setattr(made, "LOCKED_SECONDS", 0.1)

    def ask():
        answer = world.as_("it")("GET", "/healthz")
        failed = [test["name"] for test in answer.json()["tests"] if not test["passed"]]
        assert answer.status_code == (503 if failed else 200)
        assert world.client("GET", "/healthz").status_code == answer.status_code
        return failed

    return ask


def test_a_receiver_that_is_well_says_so_and_names_its_tests_to_it_alone(world, asked):
    assert asked() == []
    tests = world.as_("it")("GET", "/healthz").json()["tests"]
    clock = ["database-clock"] if world.layout.shared else []
    assert [test["name"] for test in tests] == [*NAMES[:-1], *clock, NAMES[-1]]
    assert world.client("GET", "/healthz").json() == {"status": "ok"}
    assert world.as_("records")("GET", "/healthz").json() == {"status": "ok"}
    assert world.client.as_("it-person.x")("GET", "/healthz").status_code == 401


def test_without_a_login_nobody_hears_which_test_failed(world, asked):
    world.desk.log.stand(Standing(Phase.ASKING))
    answer = world.client("GET", "/healthz")
    assert answer.status_code == 503
    assert "sealing" not in answer.text
    assert answer.json()["type"].endswith("/unwell")
    assert asked() == ["sealing"]


def test_an_index_that_cannot_be_written_fails(world, asked):
    connection = sqlite3.connect(world.layout.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert asked() == ["database"]
    connection.close()
    assert asked() == []


def test_a_checkpoint_that_is_another_than_the_committed_tree_fails(world, asked):
    documents = world.layout.stores.documents
    right = documents.read(names.CHECKPOINT, MAX_CHECKPOINT)
    documents.replace(names.CHECKPOINT, right.replace(b"\n1\n", b"\n2\n"))
    assert asked() == ["checkpoint"]
    documents.replace(names.CHECKPOINT, right)
    world.enrol()
    documents.replace(names.CHECKPOINT, right)
    assert asked() == ["checkpoint"]
    world.desk.log.store.write_checkpoint(world.desk.log.shown.data)
    assert asked() == []


def test_keys_that_do_not_sign_fail_and_what_they_signed_is_nothing_new(world, asked, monkeypatch):
    log = world.desk.log
    before = log.shown.data
    log.test_keys()
    assert open_checkpoint(before, log.keys).checkpoint == log.shown.checkpoint
    assert world.client.checkpoint().data == before

    def broken():
        raise SignatureError("no")

    monkeypatch.setattr(log, "test_keys", broken)
    assert asked() == ["keys"]


def test_a_full_disk_a_dead_chore_and_a_clock_that_went_back_fail(tmp_path, kit, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0.0)
    now = [kit.NOW]
    tight = Settings(healthz=Healthz(free="8191 TiB"))
    with kit.world_at(tmp_path / "data", settings=tight, clock=lambda: now[0]) as world:
        kit.ended(world.desk.chores.add("ends", 60, lambda: None))
        now[0] -= 61
        tests = world.as_("it")("GET", "/healthz").json()["tests"]
        assert [t["name"] for t in tests if not t["passed"]] == ["disk", "chores", "clock"]


def test_a_chore_that_hangs_is_noticed(monkeypatch):
    monkeypatch.setattr(made, "ROUND_SECONDS", -1.0)
    chores, began, go_on = Chores(), threading.Event(), threading.Event()
    chore = chores.add("hangs", 60, lambda: (began.set(), go_on.wait()))
    chores.start()
    assert began.wait(10)
    assert chore.busy() > 0
    receiver = made.Receiver(None, None, chores, 0, lambda: 0.0)
    with pytest.raises(module.FailedError, match="hangs has stopped"):
        receiver.round()
    go_on.set()
    chores.stop()
    assert chore.busy() == 0


def test_tests_run_once_however_many_ask_and_one_that_hangs_holds_nobody_up():
    counted, go_on = [], threading.Event()

    def hangs():
        counted.append(1)
        go_on.wait()
        return "ended"

    async def ask():
        workers = Workers()
        probes = Probes({"disk": hangs})
        first = await asyncio.gather(*(probes.outcomes(workers, patience=0.01) for _ in range(50)))
        assert {(o.name, o.passed) for outcomes in first for o in outcomes} == {("disk", False)}
        go_on.set()
        (last,) = await probes.outcomes(workers)
        assert (last.passed, last.detail) == (True, "ended")
        assert await probes.outcomes(workers) == (last,)
        workers.close()

    asyncio.run(ask())
    assert counted == [1]


def metrics(client):
    answer = client("GET", "/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_was_done_is_counted(world, device):
    upload = device.seal()
    for _ in range(2):
        world.receipt(world.client.put(upload), upload)
    wrong = device.seal(advance=False)
    assert world.client("PUT", f"/v1/batches/{upload.name}", wrong.body).status_code == 422
    world.client("GET", "/wp-admin")
    found = metrics(world.as_("it"))
    assert found["lakzegel_batches_total",] == 1
    assert found["lakzegel_batch_bytes_total",] == len(upload.batch)
    assert found["lakzegel_refusals_total", "digest-mismatch"] == 1
    assert found["lakzegel_log_entries",] == 4
    assert found["lakzegel_sealing",] == 1
    assert found["lakzegel_devices", "capturing"] == 1
    assert found["lakzegel_checkpoint_age_seconds",] == 0
    assert found["lakzegel_uploads",] == 0
    assert found["lakzegel_disk_free_bytes",] > 0
    counts = {key[1:]: n for key, n in found.items() if key[0] == "lakzegel_request_seconds_count"}
    assert counts["/v1/batches/{name}", "200", "PUT"] or counts["200", "/v1/batches/{name}", "PUT"]
    assert sum(counts.values()) >= 6
    assert any("404" in key and "none" in key for key in counts)
    assert not any("wp-admin" in part or "minister" in part for key in found for part in key)


def test_a_scrape_token_opens_metrics_and_nothing_else(tmp_path, kit):
    path = tmp_path / "token"
    path.write_text("correct-horse\n")
    path.chmod(0o600)
    decided = Settings(metrics=Metrics(token_file=path))
    with kit.world_at(tmp_path / "data", settings=decided) as world:
        scraper = world.client.as_("correct-horse")
        assert metrics(scraper)["lakzegel_log_entries",] == 1
        assert world.client.as_("correct-hors\xe9")("GET", "/metrics").status_code == 401
        assert world.client("GET", "/metrics").status_code == 401
        assert world.as_("admin")("GET", "/metrics").status_code == 403
        assert scraper("GET", "/healthz").status_code == 401
        assert scraper("GET", f"/v1/batches/{'0' * 64}").status_code == 401


@contextmanager
def gauges(world, fleet, *, devices):
    desk = world.desk
    yield Gauges(
        desk.layout, desk.log, desk.intake, desk.chores, lambda: 0.0, devices, lambda: fleet
    )


@pytest.mark.parametrize("devices", [False, True])
def test_devices_are_counted_by_condition_and_named_only_where_that_was_decided(
    world, kit, devices
):
    named = [(f"laptop-{i}", "silent") for i in range(3)]
    fleet = Fleet({Condition.SILENT: 3}, {"clock-off": (3, 4)}, named if devices else [])
    with gauges(world, fleet, devices=devices) as found:
        samples = [s for family in found.collect() for s in family.samples]
    by = {(s.name, *s.labels.values()): s.value for s in samples}
    assert by["lakzegel_devices", "silent"] == 3
    assert by["lakzegel_devices", "capturing"] == 0
    assert by["lakzegel_problems", "clock-off"] == 3
    assert (("lakzegel_device", "laptop-1", "silent") in by) is devices


def test_the_age_of_each_cosignature_and_token_is_told(world, monkeypatch):
    class Named:
        name, last_success, at = "records.example/w", 40.0, 60

    class Never:
        name, last_success, at = "other.example/w", None, None

    monkeypatch.setattr(type(world.desk.witnesses), "states", lambda _: (Named(), Never()))
    monkeypatch.setattr(type(world.desk.timestamps), "states", lambda _: (Named(), Never()))
    found = {
        (s.name, *s.labels.values()): s.value
        for family in others(world.desk, lambda: 100.0)
        for s in family.samples
    }
    assert found == {
        ("lakzegel_witness_age_seconds", "records.example/w"): 60.0,
        ("lakzegel_timestamp_age_seconds", "records.example/w"): 40.0,
    }
