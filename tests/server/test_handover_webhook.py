# SPDX-License-Identifier: EUPL-1.2
"""A program hears that the log grew: once for many entries, again until it arrived, no content."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakzegel_core.encoding import b64
from lakzegel_server.alerting.observed import observe
from lakzegel_server.errors import ConfigError
from lakzegel_server.handover import handover, webhook
from lakzegel_server.handover.state import LONGEST_PAUSE, PlaceState
from lakzegel_server.layout import Layout
from lakzegel_server.settings import Settings, load
from lakzegel_web.sending import sign


class Program(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["X-Lakzegel-Signature"] == sign(body, b"geheim")
        assert self.headers["Content-Type"] == "application/json"
        with self.server.heard:
            self.server.got.append(json.loads(body))
            self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
            self.send_header("Content-Length", "0")
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
            self.end_headers()
            self.server.heard.notify_all()

    def log_message(self, *_):
        pass


@pytest.fixture
def program():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Program)
    server.got, server.statuses, server.heard = [], [], threading.Condition()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(tmp_path, program):
    (tmp_path / "secret").write_text("geheim\n")
    (tmp_path / "secret").chmod(0o600)
    url = f"http://127.0.0.1:{program.server_port}/grown"
    hook = {"url": url, "secret_file": str(tmp_path / "secret")}
    return Settings.model_validate({"handover": {"webhook": [hook]}})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(webhook, "PAUSE", 0.0)
    monkeypatch.setattr(handover, "TICK", 0.05)
    monkeypatch.setattr("lakzegel_server.handover.state.FIRST_PAUSE", 0.0)


def until(program, size, *, times=1):
    """The posts so far, once so many told of a log of this size."""
    with program.heard:
        enough = program.heard.wait_for(
            lambda: sum(post["size"] == size for post in program.got) >= times, 30
        )
        assert enough, program.got
        return list(program.got)


def arrived(desk):
    """How it stands with the only place, once something arrived there."""
    (state,) = desk.handover.states()
    until = time.monotonic() + 30
    while not state.done:
        assert time.monotonic() < until
        time.sleep(0.002)
    return state


@contextmanager
def held_up(program):
    """Nothing is answered meanwhile."""
    with program.heard:
        yield


def test_a_program_hears_size_and_root_and_nothing_else(tmp_path, kit, told, program):
    with kit.world_at(tmp_path / "data", settings=told) as world:
        device = world.enrol()
        upload = device.seal()
        world.receipt(world.client.put(upload), upload)
        tree = world.client.checkpoint().checkpoint
        newest = until(program, tree.size)[-1]
    assert newest == {
        "kind": "grown",
        "origin": kit.ORIGIN,
        "size": tree.size,
        "root": b64(tree.root),
    }


def test_many_entries_in_a_moment_are_one_post(tmp_path, kit, told, program):
    with kit.world_at(tmp_path / "data", settings=told) as world:
        device = world.enrol()
        until(program, 3)
        with held_up(program):
            for _ in range(6):
                upload = device.seal()
                world.receipt(world.client.put(upload), upload)
        sizes = [post["size"] for post in until(program, 9)]
    assert sizes == sorted(sizes)
    assert len({size for size in sizes if size > 3}) <= 2


def test_what_did_not_arrive_is_told_again_and_a_redirect_is_no_arrival(
    tmp_path, kit, told, program
):
    program.statuses = [500, 302, 404]
    with kit.world_at(tmp_path / "data", settings=told) as world:
        until(program, 1, times=4)
        state = arrived(world.desk)
        assert (state.done, state.failed, state.size) == (1, 3, 1)


def test_a_start_tells_nothing_that_was_told(tmp_path, kit, told, program):
    office = kit.Office()
    layout, signer, _ = kit.make_receiver(tmp_path / "data", office)
    with kit.serving(layout, signer, settings=told) as (_, desk):
        until(program, 1)
        arrived(desk)
    with kit.serving(layout, signer, settings=told) as (_, desk):
        assert desk.handover.states()[0].size == 1
        assert desk.log.append([office.admission(kit.new_key("log.example/t"), device="a")]) == [1]
        until(program, 2)
    assert [post["size"] for post in program.got] == [1, 2]


def test_who_fails_for_long_is_an_alert_is_named_by_healthz_and_counted(
    tmp_path, kit, told, program
):
    program.statuses = [503] * 10_000
    with kit.world_at(tmp_path / "data", settings=told) as world:
        until(program, 1, times=2)
        assert "handover-failing" not in observe(world.desk, int(kit.NOW) + 600)
        assert observe(world.desk, int(kit.NOW) + 601)["handover-failing"] == 1
        it = world.as_("it")
        health = it("GET", "/healthz")
        tests = {test["name"]: test for test in health.json().get("tests", [])}
        assert tests["handover"]["detail"] == "webhook-1: webhook: it answered 503"
        assert tests["handover"]["passed"]
        lines = it("GET", "/metrics").text.splitlines()
        assert 'lakzegel_handover_failing{place="webhook-1"} 1.0' in lines
        assert 'lakzegel_handovers_total{outcome="done",place="webhook-1"} 0.0' in lines
        program.statuses = []
        arrived(world.desk)
        assert "handover-failing" not in observe(world.desk, int(kit.NOW) + 601)


def test_pauses_grow_up_to_ten_minutes_and_begin_anew(monkeypatch):
    monkeypatch.setattr("lakzegel_server.handover.state.FIRST_PAUSE", 5.0)
    state = PlaceState("x")
    pauses = [state.fails("because", 7.0) for _ in range(40)]
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-1] == LONGEST_PAUSE
    state.succeeded(3)
    assert state.fails("because", 9.0) == 5.0
    assert state.failing_since == 9.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('url = "http://archive.example/x"\nsecret_file = "/x"\n', "https"),
        ('url = "https://archive.example/x"\n', "secret_file"),
        ('url = "https://archive.example/x"\nsecret_file = "x"\n', "absolute"),
    ],
)
def test_an_address_that_is_not_safe_is_refused(tmp_path, text, says):
    (tmp_path / "settings.toml").write_text(f"[[handover.webhook]]\n{text}")
    with pytest.raises(ConfigError, match=says):
        load(Layout(tmp_path))
