# SPDX-License-Identifier: EUPL-1.2
"""A person's own page: by his link alone, counts without content, a notice that is read once."""

import re
from datetime import timedelta

import pytest

from lakzegel_server import links
from lakzegel_server.__main__ import main
from lakzegel_server.database import Database
from lakzegel_server.schema import DIGESTED


@pytest.fixture
def database(world):
    opened = Database.open(world.layout.database)
    yield opened
    opened.close()


@pytest.fixture
def link(world, device, capsys):
    assert main(["link", "--data", str(world.data), "--device", "minister"]) == 0
    return capsys.readouterr().out.strip()


def test_a_receiver_whose_index_is_gone_gets_no_empty_one(tmp_path, capsys):
    data = str(tmp_path / "data")
    assert main(["init", "--data", data, "--name", "log.example/mine"]) == 0
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "data" / "index.sqlite").unlink(missing_ok=True)
    for what in (["--list"], ["--device", "minister"]):
        assert main(["link", "--data", data, *what]) == 2
        assert "restore a backup" in capsys.readouterr().err
    assert {path.name for path in before} >= {path.name for path in tmp_path.rglob("*")}
    assert not (tmp_path / "data" / "index.sqlite").exists()


def get(world, path, language="en"):
    headers = {"Accept-Language": language, "Accept": "text/html"}
    return world.client.session.get(world.client.url + path, headers=headers)


def post(world, path, **headers):
    origin = {"Origin": world.client.url, "Content-Type": "application/x-www-form-urlencoded"}
    return world.client.session.post(
        world.client.url + path, "", headers={**origin, **headers}, allow_redirects=False
    )


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_link_shows_how_much_was_taken_when_and_what_was_agreed(world, device, link):
    assert re.fullmatch(r"/mine/[\w-]{43}", link)
    note = world.office.policy_note(3, "device:minister", annexes={"minister": "A" * 43 + "="})
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    assert world.client.put(device.seal([b"een", b"twee", b"drie"])).status_code == 200
    answer = get(world, link)
    text = plain(answer.text)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    for said in ("24 Nov 3 ", "mail: e-mail", "every 15 minutes", "30 June 2027", "an annex"):
        assert said in text, said
    assert "Wat er van uw apparaat wordt bewaard" in get(world, link, language="nl").text


def test_without_a_policy_or_a_batch_it_says_so(world, link):
    text = plain(get(world, link).text)
    assert "No policy is in force for your device yet" in text
    assert "None is agreed." in text


def test_the_receiver_keeps_no_token(world, link, database):
    token = link.rpartition("/")[2]
    for table in (*DIGESTED, "entries", "pending"):
        rows = database.connection.execute(f"SELECT * FROM {table}").fetchall()
        assert token not in str(rows), table
    (kept,) = links.listing(database)
    assert (kept.device, kept.expires, kept.revoked) == ("minister", None, None)


def test_every_link_that_leads_nowhere_is_refused_in_the_same_words(world, link, kit, capsys):
    data = str(world.data)
    assert main(["link", "--data", data, "--list"]) == 0
    name, device, state, until = capsys.readouterr().out.split()
    assert (device, state, until) == ("minister", "open", "-")
    assert main(["link", "--data", data, "--revoke", name]) == 0
    revoked = get(world, link)
    unknown = get(world, f"/mine/{'A' * 43}")
    odd = [get(world, f"/mine/{'A' * n}") for n in (1, 42, 44, 300)]
    assert {answer.status_code for answer in (revoked, unknown, *odd)} == {404}
    assert plain(revoked.text) == plain(unknown.text).replace("A" * 43, link.rpartition("/")[2])
    assert main(["link", "--data", data, "--revoke", "nobody"]) == 2


def test_who_tries_links_has_to_wait_but_a_link_that_opens_something_opens_it(world, link):
    asked = {"Accept": "text/html", "Accept-Language": "nl"}

    def get(path, address):
        headers = {**asked, "X-Forwarded-For": address}
        return world.client.session.get(world.client.url + path, headers=headers)

    tried = [get(f"/mine/{'A' * n}", "192.0.2.7") for n in range(30, 51)]
    assert [answer.status_code for answer in tried] == [404] * 20 + [429]
    assert 40 < int(tried[-1].headers["retry-after"]) <= 46
    assert "<h1>Te veel verzoeken</h1>" in tried[-1].text
    assert get(link, "192.0.2.7").status_code == 200
    assert get(f"/mine/{'A' * 43}", "192.0.2.8").status_code == 404
    world.desk.trail.flush()
    assert '"address":"192.0.2.7"' in str(world.desk.trail._oldest(9)[-1])


def test_a_link_ends_with_its_last_day(database, kit):
    token = links.make(
        database, "minister", secret=bytes(32), now=kit.START, expires=kit.START + timedelta(days=1)
    )
    assert links.find(database, token, kit.START).device == "minister"
    assert links.find(database, token, kit.START + timedelta(days=1)) is None


def test_that_the_notice_was_read_is_kept_once_with_the_moment(world, link, database, kit):
    assert "I have read this" in get(world, link).text
    answer = post(world, link)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}#notice")
    assert links.acknowledged(database, "minister") == kit.START
    (first,) = links.listing(database)
    links.acknowledge(database, first, kit.START + timedelta(days=3))
    assert links.acknowledged(database, "minister") == kit.START
    text = get(world, link).text
    assert "It was said that this was read, on 24 November 2026" in text
    assert "<form" not in text[text.index('id="notice"') :]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_another_site_cannot_say_that_it_was_read(world, link, database, headers):
    assert post(world, link, **headers).status_code == 403
    assert links.acknowledged(database, "minister") is None


def test_nobody_says_it_by_a_link_that_leads_nowhere(world):
    assert post(world, f"/mine/{'A' * 43}").status_code == 404


def test_a_name_that_no_device_can_have_gets_no_link(world, capsys):
    assert main(["link", "--data", str(world.data), "--device", "De Minister"]) == 2
    arguments = ["--device", "minister", "--expires", "2020-01-01"]
    assert main(["link", "--data", str(world.data), *arguments]) == 2
    assert "is over already" in capsys.readouterr().err
