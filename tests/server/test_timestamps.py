# SPDX-License-Identifier: EUPL-1.2
"""Checkpoints are stamped by a real authority, and what does not hold is not kept."""

import contextlib
import hashlib
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.errors import FormatError, TimestampError
from lakzegel_core.note import parse
from lakzegel_core.timenames import Name
from lakzegel_core.timerenewal import parse_list
from lakzegel_core.timetoken import open_token
from lakzegel_server.__main__ import main
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError, DamageError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.settings import Settings
from lakzegel_server.settings_timestamps import TimestampAuthority
from lakzegel_server.timestamping import exchange
from lakzegel_server.timestamping.desk import Timestamps
from lakzegel_server.timestamping.query import make_query
from tests.tsa import OPENSSL, Authority, answering, certificate, openssl_verifies, stamping

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
HOUR = 3600.0


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "tsa")


@pytest.fixture
def url(authority):
    with answering(authority) as found:
        yield found


def settings(authority, url, *, name="first", **more):
    return TimestampAuthority(name=name, url=url, roots_file=authority.roots_file, **more)


@dataclass
class Bench:
    """A receiver's log, its authorities, and clocks that the test moves."""

    kit: object
    layout: Layout
    log: LogState
    office: object
    authorities: tuple
    monotonic: float = 0.0
    later: float = 0.0
    serial: int = 1
    stamps: Timestamps = field(init=False)

    def __post_init__(self):
        self.begin()

    def begin(self):
        self.stamps = Timestamps.open(
            self.layout, self.log, self.authorities,
            clock=lambda: time.time() + self.later, monotonic=lambda: self.monotonic,
        )  # fmt: skip

    def grow(self):
        self.serial += 1
        assert isinstance(self.log.append([self.office.delegation(self.serial)])[0], int)

    def turn(self, passed=0.0):
        self.monotonic += passed
        for stamper in self.stamps.stampers:
            stamper.turn()
        return self.stamps.states()[0]

    def files(self):
        folder = self.layout.timestamps
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def doubts(self):
        return [str(doubt) for doubt in check(self.layout).doubts]


@pytest.fixture
def bench(tmp_path, kit, authority, url):
    office = kit.Office()
    layout, signer, _ = kit.make_receiver(tmp_path / "data", office)
    log = LogState.open(layout, signer, clock=time.time)
    made = Bench(kit, layout, log, office, (settings(authority, url),))
    made.keys = signer.keys
    yield made
    log.close()


def test_openssl_accepts_what_a_serving_receiver_stored(tmp_path, kit, authority, url):
    asked = threading.Event()
    authority.spoil = lambda answer, _: asked.set() or answer
    layout, signer, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    decided = Settings(timestamp=(settings(authority, url),))
    with kit.serving(layout, signer, settings=decided, clock=time.time) as (_, desk):
        assert asked.wait(20)
        kit.ended(desk.chores["timestamp-first"])
        (state,) = desk.timestamps.states()
        assert (state.size, state.failing, state.reason) == (1, None, None)
        assert abs(state.skew) < 60
        assert [str(doubt) for doubt in check(layout).doubts] == []
    assert openssl_verifies(layout.timestamps, "1-first")
    assert not openssl_verifies(layout.timestamps, "1-first", data=layout.log_keys)
    stamped = (layout.timestamps / "1-first.checkpoint").read_bytes()
    assert open_checkpoint(stamped, signer.keys).checkpoint.size == 1
    assert [str(doubt) for doubt in check(layout).doubts] == []


def test_the_witnesses_lines_are_stamped_as_they_are_served(bench):
    signed = open_checkpoint(bench.log.shown.data, bench.keys)
    line = parse(bench.kit.cosigned(signed, bench.office.witness)).signatures
    assert bench.log.add_witness(signed.checkpoint, line)
    bench.turn()
    stamped = (bench.layout.timestamps / "1-first.checkpoint").read_bytes()
    assert stamped == bench.log.shown.data
    assert stamped.count("— ".encode()) == 3
    assert openssl_verifies(bench.layout.timestamps, "1-first")
    assert bench.doubts() == []


def test_nothing_is_asked_before_its_time_or_about_the_same_log(bench, authority):
    bench.turn()
    bench.grow()
    bench.turn(HOUR - 1)
    assert len(authority.queries) == 1
    assert bench.turn(1).size == 2
    bench.turn(2 * HOUR)
    assert len(authority.queries) == 2
    assert bench.doubts() == []


def test_a_start_goes_on_at_the_pace_of_the_token_that_is_there(bench, authority):
    bench.turn()
    bench.grow()
    bench.begin()
    assert bench.turn(HOUR - 60).size == 1
    assert bench.turn(60).size == 2
    assert len(authority.queries) == 2


@dataclass
class Spoiled:
    """A query under way."""

    authority: Authority
    answer: bytes
    handler: object

    def other(self):
        """An answer to another query, whole and signed."""
        return self.authority.reply(make_query(b"something else").der)

    def again(self):
        """The right bytes, under the nonce of an earlier query."""
        return self.authority.reply(self.authority.first)

    def status(self, code):
        self.handler.send_response(code)
        self.handler.send_header("Content-Length", "0")
        self.handler.end_headers()


REFUSED = {
    "a flipped bit in what is signed": (
        "chain",
        lambda q: flip(q.answer, q.answer.rindex(b"\x18\x0f") + 13),
    ),
    "a flipped bit in the signature": ("chain", lambda q: flip(q.answer, len(q.answer) - 5)),
    "other bytes": ("imprint", Spoiled.other),
    "another nonce": ("nonce", Spoiled.again),
    "no DER": ("format", lambda _: b"<html>"),
    "a byte too many": ("format", lambda q: q.answer + b"\n"),
    "a byte too few": ("format", lambda q: q.answer[:-1]),
    "nothing": ("format", lambda _: b""),
    "a rejection": ("rejected", lambda q: q.authority.reply(b"no query at all")),
    "too much": ("answer", lambda q: q.answer + bytes(exchange.MAX_ANSWER)),
    "another status": ("answer", lambda q: q.status(500)),
    "a redirect": ("answer", lambda q: q.status(302)),
    "an end before its time": ("unreachable", lambda q: q.handler.connection.shutdown(2)),
}


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_is_refused_and_nothing_of_it_is_kept(bench, authority, case):
    reason, spoil = REFUSED[case]
    authority.first = make_query(bench.log.shown.data).der
    authority.spoil = lambda answer, handler: spoil(Spoiled(authority, answer, handler))
    state = bench.turn()
    assert (state.reason, state.size, state.failures) == (reason, 0, 1)
    assert state.failing is not None
    assert bench.files() == []
    assert bench.doubts() == []
    authority.spoil = lambda answer, _: answer
    assert bench.turn(60).failing is None
    assert openssl_verifies(bench.layout.timestamps, "1-first")


@pytest.mark.parametrize(
    "signer",
    [
        lambda _: stamping(certificate("root")),
        lambda root: stamping(root, days=(-10, -1)),
        lambda root: stamping(root, days=(1, 10)),
        lambda root: stamping(certificate("between", by=root, days=(-10, -1))),
    ],
    ids=["untrusted root", "expired", "not valid yet", "an expired one between"],
)
def test_a_chain_that_does_not_hold_is_refused(bench, authority, signer):
    authority.use(signer(authority.root))
    assert bench.turn().reason == "chain"
    assert bench.files() == []


def test_an_authority_that_is_gone_is_asked_again_ever_more_seldom(bench, authority, url):
    host = url.replace(url.rpartition(":")[2], "1/")
    bench.authorities = (settings(authority, host),)
    bench.begin()
    assert bench.turn().reason == "unreachable"
    since = bench.turn().failing
    assert bench.turn(59).failures == 1
    assert bench.turn(1).failures == 2
    assert bench.turn(60).failures == 2
    assert bench.turn(60).failures == 3
    assert [bench.turn(HOUR).failures for _ in range(8)][-1] == 11
    assert bench.turn().failing == since


def trickle(handler, stop):
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.02):
            handler.wfile.write(b"X-More: yes\r\n")


def test_an_authority_that_hangs_or_trickles_is_left_in_time(bench, authority):
    stop = threading.Event()
    try:
        for spoil in (lambda _: stop.wait(20), lambda h: trickle(h, stop)):
            authority.spoil = lambda _, handler, spoil=spoil: spoil(handler) and None
            way = exchange.Exchange.of(bench.authorities[0])
            started = time.monotonic()
            with pytest.raises(TimestampError) as error:
                way.ask(make_query(b"x").der, whole=0.3)
            assert error.value.reason == "slow"
            assert time.monotonic() - started < 5
    finally:
        stop.set()


def test_one_that_fails_holds_up_no_other(bench, authority, url):
    bench.authorities = (
        settings(authority, "http://127.0.0.1:1/", name="gone"),
        settings(authority, url, name="here"),
    )
    bench.begin()
    bench.turn()
    assert [(s.name, s.reason, s.size) for s in bench.stamps.states()] == [
        ("gone", "unreachable", 0),
        ("here", None, 1),
    ]
    assert [row.name for row in bench.stamps.kept.rows()] == ["1-here"]


def test_a_full_disk_leaves_nothing_half_written(bench, monkeypatch):
    real = bench.stamps.kept._remember

    def full(row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bench.stamps.kept, "_remember", full)
    assert bench.turn().reason == "storage"
    monkeypatch.setattr(bench.stamps.kept, "_remember", real)
    bench.begin()  # as a start after a crash at that moment
    assert bench.stamps.states()[0].size == 1
    assert bench.doubts() == []


def test_a_token_that_cannot_be_read_for_a_moment_is_not_taken_away(bench, monkeypatch):
    monkeypatch.setattr(bench.stamps.kept, "_remember", lambda _: None)
    bench.turn()
    read, failures = Path.read_bytes, [5]

    def fail_once(path):
        if failures and path.suffix == ".tsr":
            raise OSError(failures.pop(), "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail_once)
    bench.begin()
    assert len(bench.files()) == 3
    bench.begin()
    assert bench.stamps.states()[0].size == 1
    assert bench.doubts() == []


@pytest.mark.parametrize("lost", [".tsr", ".checkpoint", "root"])
def test_a_crash_between_two_files_leaves_none_of_them(bench, monkeypatch, lost):
    monkeypatch.setattr(bench.stamps.kept, "_remember", lambda _: None)
    bench.turn()
    for path in bench.layout.timestamps.rglob("*"):
        if path.is_file() and (path.suffix == lost or (lost == "root" and path.suffix == ".pem")):
            path.unlink()
    bench.begin()
    assert bench.files() == []
    assert bench.doubts() == []


def test_every_flipped_bit_swap_and_loss_is_named_by_check(bench):
    bench.turn()
    bench.grow()
    bench.turn(HOUR)
    folder = bench.layout.timestamps
    assert len(bench.files()) == 5
    for name in bench.files():
        whole = (folder / name).read_bytes()
        for place in range(3, len(whole), max(len(whole) // 12, 1)):
            (folder / name).write_bytes(flip(whole, place))
            found = bench.doubts()
            assert any(d.startswith(f"timestamps/{name}: ") for d in found), (name, place)
        (folder / name).unlink()
        assert f"timestamps/{name}: missing" in bench.doubts()
        (folder / name).write_bytes(whole)
    one, two = (folder / f"{size}-first.checkpoint" for size in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert len(bench.doubts()) == 2
    one.write_bytes(first)
    two.write_bytes(second)
    (folder / "3-first.tsr").write_bytes(b"x")
    assert len(bench.doubts()) == 1


def test_a_token_over_a_tree_that_this_log_never_had_is_named(bench, kit, authority):
    """As after a restore of the log alone: the token still tells of the one that was."""
    served = bench.log.shown.data
    fork = bench.log._signing.sign(Checkpoint(kit.ORIGIN, 1, bytes(32)))
    bench.log.store.write_checkpoint(served)
    query = make_query(fork)
    answer = authority.reply(query.der)
    roots = bench.stamps.stampers[0]._authority.roots
    bench.stamps.kept.keep(
        Name.parse("1-first"), fork, answer, open_token(answer, fork, roots, nonce=None)
    )
    assert bench.doubts() == [
        "timestamps/1-first.checkpoint: is no tree that this log had at size 1"
    ]


def test_a_changed_row_stops_a_start_and_is_named(bench):
    bench.turn()
    database = Database.open(bench.layout.database)
    database.connection.execute("UPDATE timestamps SET name = '../x'")
    database.close()
    assert any(d.startswith("index.sqlite: table timestamps") for d in bench.doubts())
    with pytest.raises(DamageError):
        bench.begin()


def test_the_root_that_is_kept_is_the_one_of_its_name(bench, authority):
    bench.turn()
    (root,) = (bench.layout.timestamps / "roots").iterdir()
    der = authority.root[1].public_bytes(Encoding.DER)
    assert root.stem == hashlib.sha256(der).hexdigest()
    expires = bench.stamps.states()[0].expires
    assert abs(expires - time.time() - 3650 * 86400) < 3600


def test_a_login_and_a_proxy_are_used_as_the_settings_say(tmp_path, authority, url):
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    with pytest.raises(ValueError, match="https"):
        settings(authority, url, user="us", password_file=secret)
    with pytest.raises(ValueError, match="belong together"):
        settings(authority, "https://tsa.example/", user="us")
    way = exchange.Exchange.of(
        settings(authority, "https://tsa.example/", user="us", password_file=secret)
    )
    assert way.login == "Basic dXM6aHVudGVyMg=="
    assert "hunter2" not in repr(way)
    proxied = exchange.Exchange.of(
        settings(authority, "http://tsa.example/a?b", proxy=url.removesuffix("/tsr"))
    )
    query = make_query(b"x")
    assert open_token(proxied.ask(query.der), b"x", [authority.root[1]], nonce=query.nonce).at
    assert authority.headers[-1]["Host"] == "tsa.example"


@pytest.mark.parametrize("text", [b"", b"x", None, "signer"])
def test_a_file_of_roots_that_is_none_ends_the_start(bench, authority, text):
    path = authority.roots_file
    if text == "signer":
        path.write_bytes((authority.folder / "signer.pem").read_bytes())
    elif text is None:
        path.unlink()
    else:
        path.write_bytes(text)
    with pytest.raises(ConfigError, match=str(path)):
        bench.begin()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Two"}, {"name": "a/b"}, {"url": "ftp://x"}, {"url": "https://u:p@x/"},
        {"every": "1s"}, {"every": "30d"}, {"every": 3600}, {"roots_file": "roots.pem"},
        {"proxy": "http://x"}, {"proxy": "https://x:1"}, {"url": "http:///x"}, {"more": 1},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(tmp_path, wrong):
    right = {"name": "one", "url": "http://tsa.example/", "roots_file": "/x/roots.pem"}
    Settings.model_validate({"timestamp": [right | {"every": "15m"}]})
    with pytest.raises(ValueError, match="timestamp"):
        Settings.model_validate({"timestamp": [right | wrong]})
    with pytest.raises(ValueError, match="same name"):
        Settings.model_validate({"timestamp": [right, right]})


def test_no_flipped_byte_of_an_answer_is_anything_but_accepted_or_refused(authority):
    """Hostile DER ends in a typed refusal; a flip that changes nothing that counts may pass."""
    query = make_query(b"x")
    answer = authority.reply(query.der)
    for place in range(0, len(answer), 3):
        with contextlib.suppress(TimestampError):
            open_token(flip(answer, place), b"x", [authority.root[1]], nonce=query.nonce)


def test_those_who_mirror_or_audit_get_every_file_and_nobody_else(tmp_path, kit, authority, url):
    asked = threading.Event()
    authority.spoil = lambda answer, _: asked.set() or answer
    layout, signer, tokens = kit.make_receiver(tmp_path / "data", kit.Office())
    decided = Settings(timestamp=(settings(authority, url),))
    with kit.serving(layout, signer, settings=decided, clock=time.time) as (base, desk):
        assert asked.wait(20)
        kit.ended(desk.chores["timestamp-first"])
        client = kit.Client(base, signer.keys)
        audit = client.as_(tokens["audit"])
        listed = audit("GET", "/v1/timestamps").json()
        (entry,) = listed["timestamps"]
        assert (entry["name"], entry["size"], entry["authority"]) == ("1-first", 1, "first")
        assert abs(entry["time"] - time.time()) < 60
        assert listed["more"] is False
        assert audit("GET", "/v1/timestamps?after=1-first").json()["timestamps"] == []
        assert audit("GET", "/v1/timestamps?after=..").status_code == 400
        later = f"/v1/timestamps?since={entry['time']}"
        assert len(audit("GET", later).json()["timestamps"]) == 1
        assert audit("GET", f"{later}0").json()["timestamps"] == []
        assert audit("GET", "/v1/timestamps?since=-1").status_code == 400
        copied = tmp_path / "copy" / "timestamps"
        (copied / "roots").mkdir(parents=True)
        for name in ("1-first.tsr", "1-first.checkpoint", f"roots/{entry['root']}.pem"):
            answer = audit("GET", f"/v1/timestamps/{name.rpartition('/')[2]}")
            (copied / name).write_bytes(answer.content)
        assert openssl_verifies(copied, "1-first")
        for absent in ("2-first.tsr", "1-first.x", "roots", "..", f"{'0' * 64}.pem"):
            assert audit("GET", f"/v1/timestamps/{absent}").status_code == 404
        (layout.timestamps / "1-first.tsr").unlink()
        assert audit("GET", "/v1/timestamps/1-first.tsr").status_code == 410
        assert client("GET", "/v1/timestamps").status_code == 401
        for session in (client, audit):
            session.close()


def test_tokens_are_stamped_anew_before_their_chain_ends_and_that_again(bench, authority):
    root = authority.root
    authority.use(stamping(root, days=(-1, 30)))
    bench.turn()
    bench.grow()
    bench.turn(HOUR)
    renewer = bench.stamps.renewer
    renewer.turn()  # the authority has no better certificate yet
    assert (bench.stamps.renewal.waiting, bench.stamps.renewal.reason) == (2, "short")
    assert bench.stamps.renewal.soonest == bench.stamps.states()[0].expires
    authority.use(stamping(root, days=(-1, 200)))
    renewer.turn()
    assert (bench.stamps.renewal.waiting, bench.stamps.renewal.reason) == (0, None)
    text = (bench.layout.timestamps / "renewal-1-first.list").read_bytes()
    digest = hashlib.sha256((bench.layout.timestamps / "2-first.tsr").read_bytes()).digest()
    assert [one.name for one in parse_list(text)[1]] == ["1-first", "2-first"]
    assert parse_list(text)[1][1].token == digest
    assert openssl_verifies(bench.layout.timestamps, "renewal-1-first", end="list")
    bench.later = 150 * 86400  # now the renewal is about to end itself
    authority.use(stamping(root, days=(-1, 3000)))
    renewer.turn()
    text = (bench.layout.timestamps / "renewal-2-first.list").read_bytes()
    assert [one.name for one in parse_list(text)[1]] == ["renewal-1-first"]
    asked = len(authority.queries)
    renewer.turn()
    assert len(authority.queries) == asked
    assert bench.doubts() == []


def test_check_looks_at_renewals_as_at_tokens(bench, authority):
    authority.use(stamping(authority.root, days=(-1, 30)))
    bench.turn()
    authority.use(stamping(authority.root))
    bench.stamps.renewer.turn()
    bench.begin()
    folder = bench.layout.timestamps
    for name in ("renewal-1-first.list", "renewal-1-first.tsr"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(flip(whole, 40))
        assert bench.doubts() == [f"timestamps/{name}: is not the file that was kept"]
        (folder / name).write_bytes(whole)
    database = Database.open(bench.layout.database)
    database.connection.execute("DELETE FROM timestamps WHERE name = '1-first'")
    database.close()
    assert (
        "timestamps/renewal-1-first.list: renews 1-first, which is not the token that is here"
        in (bench.doubts())
    )


def test_a_backup_has_the_tokens(bench, authority, tmp_path, capsys):
    authority.use(stamping(authority.root, days=(-1, 30)))
    bench.turn()
    authority.use(stamping(authority.root))
    bench.stamps.renewer.turn()
    bench.log.settle()
    out, new = tmp_path / "out", tmp_path / "new"
    assert main(["backup", "--data", str(bench.layout.data), str(out), "--keys"]) == 0
    assert main(["restore", "--from", str(out), "--data", str(new), "--check"]) == 0
    assert "0 doubts" in capsys.readouterr().out
    for file in bench.files():
        assert (new / "timestamps" / file).read_bytes() == (
            bench.layout.timestamps / file
        ).read_bytes()


LINE = "token 1-a 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= " + "0" * 64
HEAD = "lakzegel.nl/timestamp-renewal/v1\nlog log.example/test\n"


@pytest.mark.parametrize(
    "text",
    [
        "", HEAD, HEAD + LINE, HEAD + LINE + "\n\n", HEAD.replace("v1", "v2") + LINE + "\n",
        HEAD + (LINE + "\n") * 2, HEAD + LINE.replace("1-a", "2-a") + "\n" + LINE + "\n",
        HEAD + LINE.replace("1-a", "../a") + "\n", HEAD + LINE.replace("=", "") + "\n",
        HEAD + LINE[:-1] + "\n", HEAD + LINE.replace(" ", "  ") + "\n", HEAD + LINE + "é\n",
    ],
)  # fmt: skip
def test_a_list_has_one_encoding(text):
    assert parse_list(f"{HEAD}{LINE}\n".encode())[0] == "log.example/test"
    with pytest.raises(FormatError):
        parse_list(text.encode())


def test_without_the_library_a_token_is_not_judged(authority, monkeypatch):
    query = make_query(b"x")
    answer = authority.reply(query.der)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(TimestampError, match="unsupported"):
        open_token(answer, b"x", [authority.root[1]], nonce=query.nonce)
