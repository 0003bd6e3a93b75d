# SPDX-License-Identifier: EUPL-1.2
"""A service that runs as another user tells each user of his own files, and nobody of another's.

The users are real ones: a process is started that becomes one of them, and the kernel says so.
"""

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakzegel_agent import explain as explaining
from lakzegel_agent import explainasked, explainservice, journal
from lakzegel_agent.errors import RefusedError, UnreachableError
from lakzegel_agent.explain import Person, person_of, require_same
from lakzegel_agent.explainhomes import homes_of
from lakzegel_agent.failures import state_failures
from lakzegel_agent.ledgerfiles import Work
from lakzegel_agent.ledgerrows import FileMark
from lakzegel_agent.problems import problem_id
from lakzegel_agent.rootstold import tell
from lakzegel_agent.settings import load_config
from lakzegel_agent.station import station

MINISTER, OTHER, STRANGER = 4711, 4712, 4713
HOMES = {MINISTER: "minister", OTHER: "other"}
CANARY = "kanarie"
AS_A_USER = """# fork of lakzegel_agent
import os, pwd, sys
import lakzegel_agent.explain, lakzegel_agent.settings, lakzegel_agent.words, encodings.ascii
from lakzegel_agent.__main__ import main
uid, home = int(sys.argv[1]), sys.argv[2]
if home:
    os.environ["HOME"] = home
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
sys.exit(main(["explain", *sys.argv[3:]]))
"""
pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="only root can become two other users"),
    pytest.mark.skipif(sys.platform != "linux", reason="sockets without a place are Linux's"),
]


@pytest.fixture
def place():
    """A folder that every user can get through."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lakzegel-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def homes(place, monkeypatch):
    """The homes of two users; the passwords' file of this process knows both."""
    for uid, name in HOMES.items():
        folder = place / "home" / name
        (folder / "Mail").mkdir(parents=True)
        (folder / "Mail" / f"{CANARY}-{name}.eml").write_text("x")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, uid)
        folder.chmod(0o700)

    class Entry:
        def __init__(self, uid):
            if uid not in HOMES:
                raise KeyError(uid)
            self.pw_dir = str(place / "home" / HOMES[uid])

    monkeypatch.setattr(pwd, "getpwuid", Entry)
    return place / "home"


@pytest.fixture
def fresh(place, receiver, office, kit):
    """A device of root's, in a home that is closed to everybody else."""
    device = kit.Device(place / "agent", receiver, office.pins)
    device.root.chmod(0o700)
    (device.root / "log").mkdir()
    yield device
    device.ledger.close()


@pytest.fixture
def config(device, place, homes, office):
    """One agent for both users: its policy looks into every home."""
    more = (
        f"[[source]]\nname = 'mail'\nkind = 'folder'\npath = '{homes}/*/Mail'\n"
        "[[source]]\nname = 'own'\nkind = 'folder'\npath = '~/Papieren'\n"
        f"[[source]]\nname = 'theirs'\nkind = 'folder'\npath = '{homes}/other/Papieren'\n"
    )
    office.publish(office.policy_toml(1, more=more))
    device.liaison.consult(device.current)
    pins = device.pins
    values = {
        "server": "http://127.0.0.1:9",
        "home": str(device.root),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        "user_home": str(homes / "minister"),
    }
    path = place / "agent.toml"
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
    path.chmod(0o644)
    return load_config(path)


def fail(device, *paths, label="mail", reason="unreadable"):
    """Files that a pass could not read; the id of their problem."""
    files = device.ledger.files
    source = files.source(label)
    marks = [
        FileMark(files.cipher.name(b"file", label.encode(), p), source, "failed", reason, p)
        for p in paths
    ]
    files.apply(Work(marks=marks))
    state_failures(device.problems, device.ledger)
    return problem_id(device.ledger, "files-failed", f"{label}\0{reason}")


@contextmanager
def at_work(config):
    with (
        station(config) as opened,
        journal.open_log(opened.home.log),
        explainservice.answering(opened),
    ):
        yield opened


def ask(config, uid, id_, *more):
    """The command as this user; its exit code, what it printed and what it said."""
    command = [sys.executable, "-c", AS_A_USER, str(uid), "", "--config", str(config.path)]
    done = subprocess.run(
        [*command, *more, "--", id_], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_each_user_hears_of_his_own_files_and_of_nobody_elses(device, config):
    id_ = fail(device, *(f"{n}/Mail/{CANARY}-{n}.eml".encode() for n in HOMES.values()))
    with at_work(config):
        told = {uid: ask(config, uid, id_) for uid in (MINISTER, OTHER, STRANGER)}
    assert told[MINISTER][0] == told[OTHER][0] == 0
    assert f"{CANARY}-minister.eml" in told[MINISTER][1]
    assert f"{CANARY}-other" not in told[MINISTER][1] + told[MINISTER][2]
    assert f"{CANARY}-other.eml" in told[OTHER][1]
    assert f"{CANARY}-minister" not in told[OTHER][1] + told[OTHER][2]
    assert (told[STRANGER][0], told[STRANGER][1]) == (2, "")
    assert CANARY not in told[STRANGER][2]
    assert "more" not in told[MINISTER][1]  # not even that there are others


def test_to_who_has_no_part_in_it_a_problem_is_as_one_that_is_not_there(device, config):
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    device.problems.add(device.ledger, "unreachable", "x")
    whole = next(p.id for p in device.problems.listed() if p.code == "unreachable")
    with at_work(config):
        answers = {ask(config, OTHER, one) for one in (id_, whole, "aaaaaaaa", CANARY)}
        assert len(answers) == 1
        assert ask(config, MINISTER, whole)[0] == 0


def test_nothing_is_left_where_another_user_could_read_it(device, config, place):
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    with at_work(config):
        assert ask(config, MINISTER, id_)[0] == 0
        for path in device.root.rglob("*"):
            assert CANARY.encode() not in (path.read_bytes() if path.is_file() else b""), path
    assert device.root.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in place.iterdir()) == ["agent", "agent.toml", "home"]


def test_each_question_is_a_line_of_the_log_with_who_asked(device, config):
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    with at_work(config):
        ask(config, MINISTER, id_)
        ask(config, OTHER, id_)
    rows = map(json.loads, (device.root / "log/agent.log").read_text().splitlines())
    found = [(r["uid"], r["result"], r.get("id")) for r in rows if r["action"] == "explain"]
    assert found == [(MINISTER, "ok", id_), (OTHER, "refused", None)]


def test_a_link_that_was_put_where_a_source_lies_opens_nobodys_folder(device, config, homes):
    """The service read what the user may not; then he made it look like his own."""
    secret = homes / "other" / "Mail"
    mail = homes / "minister" / "Mail"
    id_ = fail(device, f"minister/Mail/{CANARY}-other.eml".encode())
    mail.rename(homes / "minister" / "Mail.old")
    mail.symlink_to(secret)
    with at_work(config):
        code, out, err = ask(config, MINISTER, id_)
        assert (code, out) == (2, "")
        mail.unlink()
        mail.mkdir()
        os.chown(mail, MINISTER, MINISTER)
        assert ask(config, MINISTER, id_) == (code, out, err)  # nothing of that name is his
        (mail / f"{CANARY}-other.eml").hardlink_to(secret / f"{CANARY}-other.eml")
        assert ask(config, MINISTER, id_)[0] == 0  # what he sees, he may be told


def test_a_link_to_what_is_his_and_closed_to_him_opens_nothing(device, config, homes, place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    mail = homes / "minister" / "Mail"
    mail.rename(closed / "Mail")
    mail.symlink_to(closed / "Mail")
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    with at_work(config):
        assert ask(config, MINISTER, id_)[0] == 2


def test_a_folder_in_his_home_that_is_not_his_is_not_told(device, config, homes):
    inner = homes / "minister" / "Mail" / "van-root"
    inner.mkdir(mode=0o700)
    (inner / f"{CANARY}.eml").write_text("x")
    id_ = fail(device, f"minister/Mail/van-root/{CANARY}.eml".encode())
    with at_work(config):
        assert ask(config, MINISTER, id_)[0] == 2


def test_a_missing_source_is_told_to_whose_it_would_be(device, config):
    names = {"own": "own", "theirs": "theirs"}
    stated = tell(device.ledger, dict.fromkeys(names, "absent"), names)
    device.problems.add(device.ledger, "source-missing", ", ".join(stated))
    id_ = next(p.id for p in device.problems.listed() if p.code == "source-missing")
    with at_work(config):
        mine, theirs = ask(config, MINISTER, id_)[1], ask(config, OTHER, id_)[1]
        assert ask(config, STRANGER, id_)[0] == 2
    assert "own: ~/Papieren (absent)" in mine
    assert "theirs" not in mine
    assert "theirs: " in theirs
    assert "own" not in theirs


def test_of_many_files_a_hundred_are_named_and_the_rest_counted(device, config, homes):
    paths = [homes / "minister" / "Mail" / f"{n}.eml" for n in range(130)]
    for path in paths:
        path.write_text("x")
    id_ = fail(device, *(f"minister/Mail/{p.name}".encode() for p in paths), b"other/Mail/z")
    with at_work(config):
        found = json.loads(ask(config, MINISTER, id_, "--json")[1])
    assert (len(found["names"]), found["more"]) == (100, 30)


def test_a_daemon_of_roots_tells_what_it_found_to_whose_it_is(device, config, served):
    text = config.path.read_text().replace("http://127.0.0.1:9", served)
    config.path.write_text(text)
    command = [sys.executable, "-m", "lakzegel_agent"]
    options = ["--config", str(config.path)]

    def missing():
        done = subprocess.run(
            [*command, "status", *options, "--json"], capture_output=True, check=False
        )
        problems = json.loads(done.stdout)["problems"]
        return next((p["id"] for p in problems if p["code"] == "source-missing"), None)

    with subprocess.Popen([*command, "run", *options], stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 40
            while (id_ := missing()) is None:
                assert time.monotonic() < end
                time.sleep(0.1)
            told = {uid: ask(config, uid, id_) for uid in (MINISTER, OTHER, STRANGER)}
        finally:
            process.terminate()
            assert process.wait(40) == 0
    assert "own: ~/Papieren (absent)" in told[MINISTER][1]
    assert "theirs" not in told[MINISTER][1]
    assert "own" not in told[OTHER][1]
    assert told[STRANGER][:2] == (2, "")


def test_where_no_agent_is_at_work_it_says_so(device, config):
    id_ = fail(device, b"minister/Mail/x")
    code, out, err = ask(config, MINISTER, id_)
    assert (code, out) == (3, "")
    assert "not at work" in err
    assert err.count("\n") == 1
    with at_work(config):
        pass
    assert ask(config, MINISTER, id_)[0] == 3  # nor once it has ended


def test_who_answers_in_the_agents_place_is_not_believed(device, config):
    """A name without a place is for whoever takes it first; the kernel says who that was."""
    impostor = (
        "import os, socket, sys\n"
        "os.setresuid(4712, 4712, 4712)\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0' + sys.argv[1]); s.listen()\n"
        "print('ready', flush=True)\n"
        "c, _ = s.accept()\n"
        "print(c.recv(99), flush=True)\n"
    )
    name = explainasked.address(config.home)[1:]
    with subprocess.Popen(
        [sys.executable, "-c", impostor, name], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        code, _, err = ask(config, MINISTER, "q5zk7dnm")
        assert code == 3
        assert "who answers is not the agent" in err
        assert process.stdout.readline() == b"b''\n"  # he does not even learn the id
    with at_work(config):  # the agent itself goes on where its name is taken
        pass


def test_root_is_not_answered(device, config):
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    with at_work(config), pytest.raises(RefusedError, match="not as root"):
        explainasked.ask(config.home, id_)


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff" * 4096, b"aaaaaaaa", b"../../etc\n", b"{}\n"])
def test_whatever_is_asked_the_service_goes_on(device, config, data):
    id_ = fail(device, f"minister/Mail/{CANARY}-minister.eml".encode())
    with at_work(config):
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(explainasked.address(config.home))
                connection.sendall(data)
        assert ask(config, MINISTER, id_)[0] == 0


@pytest.mark.parametrize(
    ("person", "uid", "why"),
    [
        (Person(0, 0, None, ()), 0, "root"),
        (Person(0, 7, None, ()), 7, "root"),
        (Person(8, 7, None, ()), 7, "another user's rights"),
        (Person(8, 8, None, ()), 7, "another user's rights"),
        (Person(7, 7, 1000, ()), 7, "begun by another user"),
        (Person(7, 7, 7, ("sshd",)), 7, "not over the network"),
    ],
)
def test_the_rules_hold_for_who_asks_the_service(person, uid, why):
    with pytest.raises(RefusedError, match=why):
        require_same(person, uid)


def test_a_process_that_is_gone_is_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(explaining, "PROCESSES", tmp_path)
    with pytest.raises(RefusedError, match="cannot be looked at"):
        person_of(1)


@pytest.mark.parametrize(
    "found", [[], {}, {"answer": {"id": 1}}, {"answer": 3}, {"refused": 7}, "x"]
)
def test_an_answer_that_is_none_is_no_answer(found, device, config, monkeypatch):
    monkeypatch.setattr(explaining.os, "access", lambda *_: False)
    monkeypatch.setattr(explaining, "ask", lambda *_: explainasked._answer(found))
    with pytest.raises(UnreachableError, match="no whole answer"):
        explaining.explain(config, "aaaaaaaa", Person(1, 1, None, ()))


def test_a_service_that_is_the_users_own_is_not_asked(device, config, homes):
    os.chown(homes / "minister", 0, 0)
    with at_work(config), pytest.raises(UnreachableError):
        explainasked.ask(config.home, "aaaaaaaa")


def test_a_user_without_a_home_of_his_own_has_none(homes, config):
    assert homes_of(STRANGER, config.user_home).folders == ()
    found = homes_of(MINISTER, config.user_home)
    assert found.is_watched
    assert not found.shows(os.fsencode(homes / "minister" / "Mail" / ".." / ".." / "other"))
    assert not found.shows(os.fsencode(homes / "minister" / "Mail" / "a\0b"))
    assert not found.holds(os.fsencode(homes / "minister-2" / "Mail"))
