# SPDX-License-Identifier: EUPL-1.2
"""Runs within a unit, in place of its program, and prints what it was let do: an object of JSON."""

import ctypes
import json
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

OPEN_BY_HANDLE_AT = 304  # on x86-64
LIBC = ctypes.CDLL(None, use_errno=True)


def called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path):
    return Path(path).read_bytes()[:24].decode("latin-1")


def write(path):
    Path(path).write_bytes(b"")
    return "written"


def both(path):
    os.close(os.open(path, os.O_RDWR))
    return "opened"


def rows(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT count(*) FROM m").fetchone()[0]
    finally:
        connection.close()


def capabilities():
    words = ["grep", "CapEff", "/proc/self/status"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1], 16)


def handle():
    return called(LIBC.syscall(OPEN_BY_HANDLE_AT, 0, b"", os.O_RDONLY))


def listed(path):
    return sorted(place.name for place in Path(path).iterdir())


DOINGS = {
    "capabilities of a child": capabilities,
    "executable memory": lambda: bool(mmap.mmap(-1, 4096, prot=7)),
    "namespace": lambda: called(LIBC.unshare(0x10000000)),
    "file by handle": handle,
    "packets": lambda: bool(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "root": lambda: os.setuid(0),
    "end another": lambda: os.kill(1, 0),
    "memory of another": lambda: read("/proc/1/environ"),
    "priority": lambda: os.nice(-1),
}


def told(user):
    program = "/usr/lib/lakzegel/bin/python", "-P", "/usr/lib/lakzegel/ask.py", user
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()


def proxy(host):
    pac = f"function FindProxyForURL(url, host) {{ return 'PROXY {host}:1'; }}"
    question = json.dumps({"pac": pac, "url": "https://x.example/", "host": "x.example"})
    program = "/usr/lib/lakzegel/bin/python", "-P", "-m", "lakzegel_agent.pacworker"
    return subprocess.run(
        program, input=question, capture_output=True, text=True, check=False
    ).stdout


def attempt(word, *arguments):
    doing = {"read": read, "write": write, "rows": rows, "list": listed, "remove": os.unlink}
    doing |= {"secret": told, "both": both, "proxy": proxy}
    try:
        return doing[word](*arguments) if word in doing else DOINGS[word]()
    except sqlite3.Error as error:
        return error.sqlite_errorname
    except OSError as error:
        return f"no: {error.strerror}"


def main():
    wanted = [word.split(":") for word in sys.argv[1:]] + [[word] for word in DOINGS]
    print(json.dumps({":".join(words): attempt(*words) for words in wanted}))


if __name__ == "__main__":
    main()
