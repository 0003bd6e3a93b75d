# SPDX-License-Identifier: EUPL-1.2
"""Writes every profile, or says which of those that are there is not what would be written."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from lakzegel_agent.settingsschema import Settings
from lakzegel_agent.settingsshown import DEFAULTS
from lakzegel_profiles import (
    admx,
    ansible,
    companions,
    compliance,
    guide,
    jamf,
    macos,
    omauri,
    phones,
    toml,
)
from lakzegel_profiles.keys import Key, ProfileError, keys_of, read_words
from lakzegel_profiles.site import HELP, TEAM, Site, authority_of, team_of
from lakzegel_profiles.values import read_values

ROOT: Final = Path(__file__).resolve().parents[3]
GUIDE: Final = "docs/guides/mdm-keys.md"
FOLDER: Final = "mdm-profiles"
GENERATOR: Final = f"{FOLDER}/generate/"
_MORE: Final = """\
--values takes an agent.toml with your own server and keys, as an agent would take it; a table
[linux], [macos] or [windows] in it has what differs there, and what the MDM fills in is written
as it has it ($SERIALNUMBER, {{serialnumber}}). Without it the profiles have examples that no agent
takes. What is written of values is its owner's alone: a token may be among them.

exit: 0 written, or what is there is right; 1 --check found a difference; 2 usage

example: python mdm-profiles/generate --values agent.toml --team-id A1B2C3D4E5
             --organisation "Ministerie van X" --authority ca.pem --out profiles
"""


def keys_of_schema(
    model: type[BaseModel] = Settings,
    *,
    defaults: Mapping[str, object] = DEFAULTS,
    words: Mapping[str, object] | None = None,
) -> list[Key]:
    """Every key of the agent's schema."""
    return keys_of(model, defaults=defaults, words=read_words() if words is None else words)


def files(keys: Sequence[Key], site: Site) -> dict[str, bytes]:
    """Every file by its path from the root of the project."""
    made = {
        **macos.profiles(keys, site),
        **{
            f"jamf/nl.lakzegel.agent.{language}.json": jamf.manifest(keys, language)
            for language in ("nl", "en")
        },
        "windows/PolicyDefinitions/Lakzegel.admx": admx.admx(keys),
        **{
            f"windows/PolicyDefinitions/{culture}/Lakzegel.adml": admx.adml(keys, language)
            for language, culture in admx.CULTURES.items()
        },
        "intune/windows/custom-policy.json": omauri.custom_policy(keys, site),
        "intune/compliance.json": compliance.rules(site),
        "linux/agent.toml": toml.agent_toml(keys, site),
        **ansible.role(keys, site),
        **companions.files(site),
        **phones.files(site),
    }
    kept = {
        f"{FOLDER}/{name}": data
        for name, data in made.items()
        if not any(name.startswith(one) for one in site.missing)
    }
    return {**kept, GUIDE: guide.guide(keys)}


def by_hand(keys: Sequence[Key]) -> dict[str, bytes]:
    """What people wrote and goes with what is made: scripts, tasks of the role, pages."""
    folder, made = ROOT / FOLDER, files(keys, Site())
    found = {f"{FOLDER}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*")}
    return {
        name: path.read_bytes()
        for name, path in sorted(found.items())
        if path.is_file() and name not in made and not name.startswith(GENERATOR)
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them, or compare."""
    said = _parser().parse_args(arguments)
    try:
        keys = keys_of_schema()
        site = _site(said, keys)
        made = files(keys, site)
        if said.check:
            return _compared(said.out, made)
        if said.out != ROOT:
            made = {**by_hand(keys), **made}
        for name, option in site.missing.items():
            print(f"profiles: {name} is left out: no {option}", file=sys.stderr)  # noqa: T201
        _write(said.out, made, private=said.values is not None)
    except (ProfileError, OSError, ValueError) as error:
        print(f"profiles: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python mdm-profiles/generate",
        description="Make the profiles that MDM delivers, of the agent's schema of settings.",
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--values", type=Path, metavar="FILE", help="an agent.toml of your own")
    parser.add_argument("--team-id", default=TEAM, metavar="ID", help="of who signed the package")
    parser.add_argument("--organisation", default="Example", metavar="NAME", help="who delivers it")
    parser.add_argument("--authority", type=Path, metavar="PEM", help="of the receiver's TLS")
    parser.add_argument("--host-certificate", type=Path, metavar="PEM", help="of who reads phones")
    parser.add_argument("--help-url", default=HELP, metavar="URL", help="for users, in Intune")
    parser.add_argument("--language", choices=("nl", "en"), default="nl", help="of what users see")
    parser.add_argument("--out", type=Path, default=ROOT, metavar="DIR", help="default: here")
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    return parser


def _site(said: argparse.Namespace, keys: Sequence[Key]) -> Site:
    site = Site(
        team=team_of(said.team_id),
        organisation=said.organisation,
        language=said.language,
        authority=b"" if said.authority is None else authority_of(said.authority),
        host=b"" if said.host_certificate is None else authority_of(said.host_certificate),
        help=said.help_url,
    )
    if said.values is None:
        return site
    if said.out == ROOT:
        raise ProfileError("--values: say --out DIR too; what is here is the project's")
    return read_values(said.values, keys, site)


def _compared(out: Path, made: Mapping[str, bytes]) -> int:
    other = [name for name, data in made.items() if _read(out / name) != data]
    for name in other:
        print(f"{name}: not what the schema says; run: make profiles", file=sys.stderr)  # noqa: T201
    return 1 if other else 0


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _require_own(out: Path) -> None:
    """Return where nobody else could put other profiles in the place of these."""
    if os.name == "posix" and out.exists():
        found = out.stat()
        if found.st_uid != os.geteuid() or found.st_mode & stat.S_IWOTH:
            raise ProfileError(f"{out}: others may write there; take a folder of your own")


def _write(out: Path, made: Mapping[str, bytes], *, private: bool) -> None:
    """Write all; ``private`` where a secret may be in it."""
    if private:
        _require_own(out)
    for name, data in made.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        mode = (0o600 if private else 0o666) | (0o111 if name.endswith(".sh") else 0)
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            if private:  # it may have been there
                path.chmod(mode & 0o700)
            file.write(data)
