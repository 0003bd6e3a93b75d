# SPDX-License-Identifier: EUPL-1.2
"""A real S3 server with Object Lock, SeaweedFS, for tests; and buckets in it."""

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

KEY, SECRET = "key", "secret"  # pragma: not secret
PATIENCE = 60.0  # seconds for a start on a machine that does other things
_GRPC = 10_000  # beyond each port, a second one is taken


def program():
    """The server, beside this Python or on the path; None where it is not installed."""
    return shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")


@dataclass
class Server:
    """Where it listens."""

    port: int
    process: subprocess.Popen
    buckets: int = 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self):
        """botocore's own, to look at what the code under test did, and to do what it may not."""
        return Session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1, "mode": "standard"},
            ),
        )

    def bucket(self, *, lock, client=None):
        """A new bucket, with Object Lock or plain."""
        self.buckets += 1
        name = f"bucket-{self.buckets}"
        extra = {"ObjectLockEnabledForBucket": True} if lock else {}
        (client or self.client).create_bucket(Bucket=name, **extra)
        return name


@contextmanager
def running(folder):
    """A server whose files are in this folder; ended, and gone, afterwards."""
    folder.mkdir(parents=True)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    with (folder / "log").open("wb") as log:
        server = _start(folder, log)
    try:
        _wait(server, folder)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _start(folder, log):
    s3, master, volume, filer = _ports(4)
    (folder / "data").mkdir()
    arguments = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.port": s3,
        "s3.port.lance": 0,  # fixed ports: a second server would end at once
        "s3.port.iceberg": 0,
        "s3.config": folder / "identities.json",
        "master.port": master,
        "master.volumeSizeLimitMB": 64,
        "volume.port": volume,
        "volume.max": 400,
        "filer.port": filer,
    }
    given = [f"-{name}={value}" for name, value in arguments.items()]
    command = [program(), "server", "-s3", *given]
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    return Server(s3, process)


def _wait(server, folder):
    """Until something can be put there; the server says that it is ready before it is."""
    deadline = time.monotonic() + PATIENCE
    client = server.client
    while True:
        try:
            client.create_bucket(Bucket="first")
            client.put_object(Bucket="first", Key="first", Body=b"1")
        except (BotoCoreError, ClientError) as error:
            exists = "BucketAlready" in str(error)
            assert server.process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            if exists:
                client.delete_bucket(Bucket="first")
            time.sleep(0.1)
        else:
            return


def _ports(count):
    """Free ports whose second ones are free too."""
    found = []
    while len(found) < count:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            second = port + _GRPC if port + _GRPC < 65_536 else None
            try:
                if second is not None and port not in found:
                    other.bind(("127.0.0.1", second))
                    found.append(port)
            except OSError:
                continue
    return found
