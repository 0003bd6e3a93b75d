# SPDX-License-Identifier: EUPL-1.2
"""A witness that is killed again and again while two logs ask it never cosigns both."""

import random
import select
import subprocess
import sys
import threading

import pytest
import requests

from lakzegel_core.addcheckpoint import AddCheckpoint, open_answer, parse_size
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.tiles import HashReader, new_tiles

ORIGIN = "log.example/test"
ROUNDS = 20
ED25519 = SigningKey.from_seed(ORIGIN, Algorithm.ED25519, bytes(32))
MLDSA = SigningKey.from_seed(ORIGIN, Algorithm.MLDSA44_COSIGNATURE, bytes(32))


class Asking(threading.Thread):
    """A log that grows by one whenever it was cosigned, and learns from each 409."""

    def __init__(self, url, key, mark, cosigned, start):
        super().__init__()
        self.url, self.key, self.mark, self.cosigned = url, key, mark, cosigned
        self.old, self.size = start

    def run(self):
        with requests.Session() as session:
            session.trust_env = False
            try:
                while True:
                    self.ask(session)
            except requests.RequestException:
                return  # it was killed

    def ask(self, session):
        entries = [b"%s%d" % (self.mark, n) for n in range(self.size)]
        reader = HashReader(self.size, new_tiles(0, entries, lambda _: b"").files.__getitem__)
        tree = Checkpoint(ORIGIN, self.size, reader.root())
        signed = sign_checkpoint(tree, ED25519, MLDSA, now=1)
        body = AddCheckpoint(self.old, tuple(reader.consistency(self.old)), signed).to_bytes()
        answer = session.post(f"{self.url}/add-checkpoint", data=body, timeout=10)
        if answer.status_code == 200:
            open_answer(answer.content, tree, [self.key])
            self.cosigned.append((self.mark, self.size))
            self.old, self.size = self.size, self.size + 1
        elif answer.status_code == 409:
            self.old = parse_size(answer.content)
            self.size = max(self.size, self.old) + (self.old == self.size)
        else:
            assert answer.status_code == 422


@pytest.mark.soak
def test_of_two_logs_one_is_cosigned_whatever_is_killed(tmp_path):
    keys = tmp_path / "log.keys"
    keys.write_text(f"{ED25519.verifier.to_text()}\n{MLDSA.verifier.to_text()}\n")
    program = [sys.executable, "-m", "lakzegel_office", "witness", "--home", str(tmp_path / "w")]
    made = subprocess.run([*program, "--new-key", "w.example"], capture_output=True, check=True)
    key = VerifierKey.from_text(made.stdout.decode().strip())
    command = [*program, "--log-keys", str(keys), "--listen", "127.0.0.1:0"]
    chance, cosigned, newest = random.Random(7), [], {b"a": (0, 1), b"b": (0, 1)}
    for _ in range(ROUNDS):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as running:
            assert select.select([running.stdout], [], [], 60)[0]
            url = running.stdout.readline().decode().split()[-1]
            asking = [Asking(url, key, mark, cosigned, newest[mark]) for mark in (b"a", b"b")]
            for thread in asking:
                thread.start()
            threading.Event().wait(chance.uniform(0.01, 0.4))
            running.kill()
            for thread in asking:
                thread.join(30)
                newest[thread.mark] = (thread.old, thread.size)
    assert len({mark for mark, _ in cosigned}) == 1
    sizes = [size for _, size in cosigned]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 3
