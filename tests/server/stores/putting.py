# SPDX-License-Identifier: EUPL-1.2
"""A process that puts one object: KIND WHERE NAME BYTE SIZE; says when it begins, and what came."""

import sys
import time
from pathlib import Path

from lakzegel_server.errors import ClashError
from lakzegel_server.stores.files import FileStore
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.s3 import S3Objects
from lakzegel_server.stores.s3client import S3Client
from lakzegel_server.stores.secret import Credentials


def main(kind, where, name, byte, size):
    data = byte.encode() * int(size)
    if kind == "files":
        store = FileStore(Path(where), Path(where, "incoming"))
    else:
        client = S3Client.connect(S3Place.parse(where), Credentials("key", "secret"))
        store = S3Objects(client, time.time)
    print("begins", flush=True)
    sys.stdin.readline()
    try:
        store.put(name, data)
    except ClashError:
        print("clash", flush=True)
    else:
        print("put", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
