# SPDX-License-Identifier: EUPL-1.2
"""Doctor finds out by doing: it opens files, reaches the receiver, counts folders."""

import json
import os

import pytest

from lakzegel_agent import doctor, doctorsources, pac
from lakzegel_agent.__main__ import main
from lakzegel_agent.liaison import Liaison
from lakzegel_agent.transport import NeverError


class Patient:
    """An enrolled agent with a source, in this process."""

    def __init__(self, root, server, office, device):
        self.root, self.device, self.office = root, device, office
        self.mail = root / "mail"
        self.mail.mkdir()
        (self.mail / "geheim.eml").write_text("Subject: x\n\ny\n")
        pins = device.pins
        values = {
            "server": server,
            "home": str(device.root),
            "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
            "policy_keys": [key.to_text() for key in pins.policy],
        }
        self.config = root / "agent.toml"
        self.config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
        for folder in (device.root, device.root / "keys"):
            folder.chmod(0o700)

    def follow(self, *paths, kind="folder", **keys):
        """Put a policy with these sources into force."""
        more = "".join(
            f"[[source]]\nname = 's{n}'\nkind = '{kind}'\npath = '{p}'\nsettle = '0s'\n"
            for n, p in enumerate(paths)
        )
        self.office.publish(self.office.policy_toml(1, more=more, **keys))
        liaison: Liaison = self.device.liaison
        liaison.consult(self.device.current)

    def examine(self, capsys, *, code):
        assert main(["doctor", "--config", str(self.config), "--json"]) == code
        out = capsys.readouterr().out
        assert "geheim" not in out
        rows = json.loads(out)
        assert all(set(row) == {"what", "where", "well", "detail", "next"} for row in rows)
        assert all(row["next"] for row in rows if not row["well"])
        return {row["what"]: row for row in rows}


@pytest.fixture
def patient(tmp_path, served, office, device):
    return Patient(tmp_path, served, office, device)


def test_a_healthy_agent_is_well_in_every_respect(patient, capsys):
    patient.follow(patient.mail)
    found = patient.examine(capsys, code=0)
    assert list(found) == [
        *("config", "home", "receiver", "clock", "room", "ledger", "keys", "policy"),
        *("source", "watch"),
    ]
    assert found["source"]["detail"] == "a file of it was opened and read"


def test_a_source_whose_files_do_not_open_is_not_well(patient, capsys, monkeypatch):
    patient.follow(patient.mail)
    real = os.open

    def refuse(path, *rest, **more):
        if isinstance(path, bytes) and path.endswith(b".eml"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)

    monkeypatch.setattr(doctorsources.os, "open", refuse)
    found = patient.examine(capsys, code=1)
    assert "could not be read" in found["source"]["detail"]
    assert found["source"]["where"] == "s0"


def test_a_source_that_is_not_there_and_one_of_an_unknown_kind_are_not_well(patient, capsys):
    patient.follow(patient.root / "geheim")
    assert patient.examine(capsys, code=1)["source"]["detail"] == "is not there"


def test_an_empty_source_is_well(patient, capsys):
    (patient.mail / "geheim.eml").unlink()
    patient.follow(patient.mail)
    assert "holds no file" in patient.examine(capsys, code=0)["source"]["detail"]


def test_a_link_is_not_what_is_opened(patient, capsys):
    (patient.mail / "geheim.eml").unlink()
    (patient.mail / "link").symlink_to("/etc/passwd")
    patient.follow(patient.mail)
    assert "holds no file" in patient.examine(capsys, code=0)["source"]["detail"]


def test_more_folders_than_watches_are_not_well(patient, capsys, monkeypatch):
    (patient.root / "limit").write_text("3\n")
    monkeypatch.setattr(doctorsources, "WATCHES", patient.root / "limit")
    for name in ("a", "b", "c"):
        (patient.mail / name).mkdir()
    patient.follow(patient.mail, patient.mail / "a")
    found = patient.examine(capsys, code=1)
    assert found["watch"]["detail"].startswith("4 folders, 3 watches")


def test_an_expired_policy_a_full_disk_and_a_refusing_receiver_are_told(
    patient, capsys, receiver, monkeypatch
):
    patient.follow(patient.mail)
    monkeypatch.setattr(doctor, "is_expired", lambda *_: True)
    monkeypatch.setattr(doctor, "free_bytes", lambda _: 2**20)
    receiver.broken = [NeverError("gone", status=410, code="gone")]
    found = patient.examine(capsys, code=1)
    assert {what for what, row in found.items() if not row["well"]} == {
        "policy",
        "room",
        "receiver",
    }


def test_a_clock_that_the_last_receipt_found_wrong_is_told(patient, capsys):
    patient.follow(patient.mail)
    patient.device.problems.add(patient.device.ledger, "clock-skew", "900 s behind")
    assert not patient.examine(capsys, code=1)["clock"]["well"]


def test_another_logs_checkpoint_is_not_well(patient, capsys, receiver, kit):
    patient.follow(patient.mail)
    other = kit.Log()
    kit.Office.open(other)
    receiver.log = other
    assert not patient.examine(capsys, code=1)["receiver"]["well"]


def test_a_home_that_others_may_enter_is_not_well_and_a_line_says_what_to_do(patient, capsys):
    patient.follow(patient.mail)
    (patient.device.root / "keys").chmod(0o755)
    assert main(["doctor", "--config", str(patient.config)]) == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("BAD")]
    assert "open to others: keys" in line
    assert "chmod" in line


def configure(patient, **more):
    with patient.config.open("a") as file:
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in more.items())


def test_a_pac_file_is_asked_and_says_by_which_proxy(patient, capsys):
    patient.follow(patient.mail)
    path = patient.root / "proxy.pac"
    path.write_text("function FindProxyForURL(u, h) { return 'PROXY p.example:8080; DIRECT'; }")
    configure(patient, pac=str(path))
    found = patient.examine(capsys, code=0)["pac"]
    assert (found["detail"], found["where"]) == ("answers: by p.example:8080", str(path))
    path.write_text("function FindProxyForURL(u, h) { return 'DIRECT'; }")
    assert patient.examine(capsys, code=0)["pac"]["detail"] == "answers: without a proxy"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("function (((", "the file is none, or takes too much"),
        ("function FindProxyForURL(u, h) { return 'SOCKS a:1'; }", "names no proxy"),
        (None, "cannot be had"),
    ],
)
def test_a_pac_file_that_cannot_be_asked_is_not_well(patient, capsys, text, why):
    patient.follow(patient.mail)
    path = patient.root / "proxy.pac"
    if text is not None:
        path.write_text(text)
    configure(patient, pac=str(path))
    found = patient.examine(capsys, code=1)["pac"]
    assert why in found["detail"]
    assert "agent-pac" in found["next"]


def test_without_what_runs_a_pac_file_it_says_what_to_install(patient, capsys, monkeypatch):
    patient.follow(patient.mail)
    path = patient.root / "proxy.pac"
    path.write_text("function FindProxyForURL(u, h) { return 'DIRECT'; }")
    configure(patient, pac=str(path))
    monkeypatch.setattr(pac, "run_pac", refuse_for_want_of_a_library)
    assert "agent-pac is not installed" in patient.examine(capsys, code=1)["pac"]["detail"]


def refuse_for_want_of_a_library(text, url):
    raise pac.PacError("pac: the extra agent-pac is not installed")


def test_a_login_in_the_address_of_a_pac_file_is_not_shown(patient, capsys):
    configure(patient, pac="http://jan:CANARY@127.0.0.1:9/proxy.pac")
    main(["doctor", "--config", str(patient.config)])
    shown = capsys.readouterr()
    assert "BAD pac" in shown.out
    assert "CANARY" not in shown.out + shown.err
