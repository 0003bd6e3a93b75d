# SPDX-License-Identifier: EUPL-1.2
"""The path of the demo, step by step, from empty folders to what a judge reads."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakzegel_demo import settings, tamper
from lakzegel_demo.compare import compare
from lakzegel_demo.errors import NotProvenError, UsageError
from lakzegel_demo.parties import DEVICE, Agent, Office, Server, judge, verify
from lakzegel_demo.places import Places
from lakzegel_demo.process import Children
from lakzegel_demo.sources import WatchedFolder
from lakzegel_demo.summary import Shown

Say = Callable[[str], None]


@dataclass(slots=True)
class Journey:
    """One run through the whole path; each method is a step and needs the ones before it."""

    places: Places
    sources: tuple[WatchedFolder, ...]
    children: Children
    say: Say
    shown: Shown = field(default_factory=Shown)
    _captured: dict[str, int] = field(default_factory=dict)

    @property
    def server(self) -> Server:
        """The receiver."""
        return Server(self.children, self.places.server)

    @property
    def office(self) -> Office:
        """The records office."""
        return Office(self.children, self.places.office, self.places.passphrase)

    @property
    def agent(self) -> Agent:
        """The agent."""
        return Agent(self.children, self.places.agent / "agent.toml")

    def travel(self) -> Shown:
        """Go the whole way and return what was shown.

        Raises:
            DemoError: a step did not show what it must show.
        """
        began = time.monotonic()
        url = self.found_parties()
        self.enrol_device(url)
        self.put_policy_in_force()
        self.capture()
        self.bring_in()
        self.prove_all()
        self.restore_all()
        item, batch_id = self.choose_item()
        self.flip_a_bit(item, batch_id)
        self.convince_a_judge(item)
        self.shown.summary.seconds = round(time.monotonic() - began, 3)
        return self.shown

    def found_parties(self) -> str:
        """Make the receiver's log and the office's keys; return the receiver's URL."""
        url = self.server.begin()
        self.say(f"receiver: made its log, answers on {url}")
        account = self.places.out / "records.token"
        self.server.account("records", "records-office", account)
        _write_secret(self.places.passphrase, secrets.token_hex(16))
        self.office.begin(self.server, url, account)
        account.unlink()  # the office keeps it encrypted
        self.server.publish(self.places.office / "notes" / "delegation.note")
        self.say("records office: made its keys; the log's first entry says which key may what")
        return url

    def enrol_device(self, url: str) -> None:
        """Admit the device and let it enrol."""
        token = self.places.agent / "token"
        self.office.admit(token)
        note = token.with_name("token.note")
        self.server.publish(note)
        note.unlink()
        _, policy_keys = settings.office_keys(self.places.office / "office.toml")
        log_keys = (self.places.server / "log.keys").read_text().split("\n")
        self.agent.config.write_text(
            settings.agent_toml(
                server=url,
                home=self.places.agent,
                log_keys=[key for key in log_keys if key],
                policy=policy_keys,
            )
        )
        self.agent.enrol(token)
        token.unlink()
        self.say(f"agent: {DEVICE} was admitted by the office and is enrolled in the log")

    def put_policy_in_force(self) -> None:
        """Have two people sign what is captured; folders and names go into the annex."""
        self.office.pull()
        recipients, _ = settings.office_keys(self.places.office / "office.toml")
        self.places.policy.write_text(
            settings.policy_toml(self.sources, recipients, settings.today())
        )
        self.places.annex.write_text(settings.annex_toml(self.sources))
        note = self.office.sign_policy(self.places.policy, self.places.annex)
        self.server.publish(note)
        self.office.pull()  # hands the annex over
        self.say(f"policy: signed by two, names {len(self.sources)} sources by number only")

    def capture(self) -> None:
        """Read, seal and ship everything; the time runs to the last verified receipt."""
        began = time.monotonic()
        self.agent.once(progress=lambda line: self.say(f"  {line}"))
        self.shown.summary.seconds_capture = round(time.monotonic() - began, 3)
        self._captured = self._read_ledger()
        figures = self.shown.summary
        self.say(
            f"agent: {figures.found} found, {figures.sealed} sealed, {figures.excluded} excluded, "
            f"{figures.failed} failed in {figures.seconds_capture:.1f} s"
        )
        for line in guard_lines(self.agent.status().get("guards", ())):
            self.say(f"  {line}")
        if not figures.found:
            raise UsageError("--watch: there is not one file in these folders; nothing to show")

    def bring_in(self) -> None:
        """Pull, open and hold; then the agent may let its spool go."""
        began = time.monotonic()
        report = self.office.pull(progress=lambda line: self.say(f"  {line}"))
        self.shown.summary.seconds_pull = round(time.monotonic() - began, 3)
        before = self._captured
        self.agent.once()
        after = self._read_ledger()
        if before["batches"] and after["batches"] >= before["batches"]:
            raise NotProvenError(f"agent: keeps {after['batches']} batches that the office holds")
        if after["size"] > report["size"]:
            report = self.office.pull()  # what the agent sealed meanwhile
        batches = (self.places.server / "batches").rglob("*")
        self.shown.summary.batches = int(report["batches"])
        self.shown.summary.bytes_sealed = sum(
            path.stat().st_size for path in batches if path.is_file()
        )
        self.say(f"records office: holds {report['batches']} batches; the device let its copy go")

    def prove_all(self) -> None:
        """Verify the office's mirror offline, and the receiver's store against its log."""
        done = verify(self.children, self.places.office)
        lines = done.stdout.splitlines()
        if done.code or not lines or lines[-1] != "VERIFIED":
            raise NotProvenError(f"verify ended with {done.code}: {' / '.join(lines[-3:])}")
        self.shown.devices = lines[:-1]
        self.server.check()
        self.say("verify: every signature, chain, hash and tile of the mirror fits")

    def restore_all(self) -> None:
        """Rebuild each source and compare it with what is on the device."""
        began = time.monotonic()
        self.office.restore(self.places.restored)
        self.shown.summary.seconds_restore = round(time.monotonic() - began, 3)
        absent = 0
        for source in self.sources:
            absent += self._compare(source)
        excluded = self.shown.summary.excluded
        if absent > excluded:
            raise NotProvenError(f"restore: {absent} are not there, {excluded} were excluded")
        self.say(f"restore: identical byte for byte in {self.shown.summary.seconds_restore:.1f} s")

    def choose_item(self) -> tuple[str, str]:
        """Return one item's name and the batch that holds it: a segment where there is one."""
        identical = self.shown.identical
        smallest = min(identical, key=lambda name: (not identical[name], identical[name]))
        items = self.office.items("--source", smallest, "--kind", "segment") or self.office.items()
        item = str(items[0]["item"])
        return item, str(self.office.show(item)["place"]["batch"])

    def flip_a_bit(self, item: str, batch_id: str) -> None:
        """Show that one flipped bit in a copy of the mirror is noticed, and where."""
        batch, _, _ = item.rpartition("/")
        try:
            tamper.flip_one_bit(self.places.office, self.places.tampered, batch_id)
            self.shown.detected = tamper.show_detection(self.children, self.places.tampered, batch)
        finally:
            tamper.remove(self.places.tampered)
        self.say(f"tampering: {self.shown.detected}")

    def convince_a_judge(self, item: str) -> None:
        """Give one item and its proof to somebody who has only the keys."""
        file = self.places.judge / "item"
        self.office.prove(item, file)
        keys = self.places.judge / "judge.keys"
        keys.write_bytes((self.places.office / "notes" / "judge.keys").read_bytes())
        lines = judge(self.children, file, keys).splitlines()
        self.shown.verdict = lines[0] if lines else ""
        if not self.shown.verdict.startswith("PROVEN"):
            raise NotProvenError(f"judge: {self.shown.verdict!r}")
        self.say("judge: one item shown, proven from keys alone")

    def _compare(self, source: WatchedFolder) -> int:
        """Return how many of a source's files are not there; raise where anything differs."""
        restored = self.places.restored / source.name
        found = compare(source.folder, restored)
        if not found.same:
            first = (*found.different, *found.unexpected)[0]
            raise NotProvenError(
                f"restore: {source.name}: {len(found.different)} differ and "
                f"{len(found.unexpected)} are new, such as {first}"
            )
        restored.mkdir(exist_ok=True)  # an empty source has an empty restored folder
        self.shown.identical[source.name] = found.files - len(found.missing)
        self.shown.summary.bytes_read += found.size
        return len(found.missing)

    def _read_ledger(self) -> dict[str, int]:
        """Take over the agent's counts; return how much it spools and the log it last saw."""
        status = self.agent.status()
        _refuse_problems(status)
        figures, ledger = self.shown.summary, status["ledger"]
        figures.found, figures.sealed = int(ledger["found"]), int(ledger["sealed"])
        figures.excluded, figures.failed = int(ledger["excluded"]), int(ledger["failed"])
        if figures.found != figures.sealed + figures.excluded + figures.failed:
            raise NotProvenError(f"ledger: found is not sealed, excluded and failed: {ledger}")
        receipt = status.get("last_receipt") or {"size": 0}
        return {"batches": int(status["spool"]["batches"]), "size": int(receipt["size"])}


def _refuse_problems(status: dict[str, Any]) -> None:
    """Return when the agent has nothing to complain of.

    Raises:
        UsageError: it has no reader of the kind that was asked for.
        NotProvenError: it names a problem, or files that it could not read.
    """
    for problem in status.get("problems", ()):
        if str(problem.get("code")).startswith("guard-"):  # of what was captured, not of the path
            continue
        what = f"{problem.get('code')}: {problem.get('detail')}; {problem.get('next')}"
        if problem.get("code") == "reader-unknown":
            raise UsageError(f"--watch: {what}")
        raise NotProvenError(f"agent: {what}")
    if status["ledger"]["failed"]:
        raise NotProvenError(f"agent: not everything could be read: {status.get('reasons')}")


def guard_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the guards found, those that are content in one line."""
    looked = [row for row in rows if row.get("state") not in {None, "not-applicable"}]
    content = [str(row["id"]) for row in looked if row["state"] in {"compliant", "repaired"}]
    if content:
        yield f"guards: nothing deletes or leaks by {', '.join(content)}"
    for row in looked:
        if row["id"] not in content:
            reasons = ", ".join(f"{why} {many}" for why, many in row.get("reasons", {}).items())
            yield f"guards: {row['id']}: {row['state']} ({reasons})"


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
