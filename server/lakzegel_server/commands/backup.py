# SPDX-License-Identifier: EUPL-1.2
"""`backup` and `restore`: a copy of a receiver that serves, and a receiver of that copy."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_server.backup.making import back_up
from lakzegel_server.backup.restoring import restore
from lakzegel_server.commands.check import printable
from lakzegel_server.commands.common import FINE, FOUND, Commands, command
from lakzegel_server.commands.placed import placed, stored
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import ED25519, MLDSA, PKCS11, load_log_keys, load_origin
from lakzegel_server.settings import load
from lakzegel_server.settings_stores import StoreSettings


def add(commands: Commands) -> None:
    """Add both commands."""
    parser = command(commands, "backup", run_backup, "copy everything, also while 'serve' runs")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder; only news is copied there")
    parser.add_argument(
        "--keys", action="store_true", help="with the log's signing keys; OUT is then as secret"
    )
    parser = command(commands, "restore", run_restore, "make a receiver of a backup")
    parser.add_argument(
        "--from", dest="out", type=Path, required=True, metavar="OUT", help="what 'backup' wrote"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare all of it with its log; 1 when it lacks any"
    )


def run_backup(arguments: argparse.Namespace) -> int:
    """Make the backup; 1 when DATA lacks a file that its log names."""
    settings = load(Layout(arguments.data))
    layout = placed(arguments, settings)
    load_origin(layout)
    now, keys = datetime.now(UTC).replace(microsecond=0), load_log_keys(layout)
    with stored(arguments, settings, layout, changing=False) as whole:
        made = back_up(whole, keys, arguments.out, at=now, secret=arguments.keys)
    for place in made.missing:
        print(f"lakzegel-server: {place}: missing in {layout.data}; run 'check'", file=sys.stderr)
    manifest = made.manifest
    print(
        f"{manifest.tree.origin}: {manifest.tree.size} entries of the log,"
        f" {len(manifest.files)} files, {made.copied} of them copied now"
    )
    return FOUND if made.missing else FINE


def run_restore(arguments: argparse.Namespace) -> int:
    """Restore; 1 when a file is missing or damaged."""
    _require_files(arguments)
    layout = Layout(arguments.data)
    manifest, faults = restore(arguments.out, layout)
    for place in faults:
        print(f"lakzegel-server: {place}: missing or damaged in the backup", file=sys.stderr)
    tree = manifest.tree
    print(f"{tree.origin}: {tree.size} entries of the log, {len(manifest.files)} files")
    first = layout.key(PKCS11 if layout.key(PKCS11).exists() else ED25519)
    keyless = not (first.exists() and layout.key(MLDSA).exists())
    doubts = 0
    if arguments.check:
        doubts = _check(layout, keyless=keyless)
    if keyless:
        print(f"The signing keys are not in this backup: put them into {layout.data}/keys.")
    if load(layout).stores != StoreSettings():
        print("[stores] of settings.toml names another place than DATA, where everything is now;")
        print("take it out, or move everything there with 'lakzegel-server migrate'.")
    print("Now start 'serve': it is read-only until it has what was sealed since, from the office.")
    return FOUND if faults or doubts else FINE


def _require_files(arguments: argparse.Namespace) -> None:
    """Return when everything is to be made below DATA.

    Raises:
        ConfigError: it is not.
    """
    for option in ("database", "objects", "keyrings"):
        if getattr(arguments, option, None) is not None:
            raise ConfigError(
                f"restore without --{option}: it makes everything below DATA; 'migrate' moves it"
            )


def _check(layout: Layout, *, keyless: bool) -> int:
    """How many doubts there are about what was restored; each is printed."""
    found = [d for d in check(layout).doubts if not (keyless and d.place.startswith("keys/"))]
    for doubt in found:
        print(printable(str(doubt)))
    print(f"{len(found)} doubts")
    return len(found)
