# SPDX-License-Identifier: EUPL-1.2
"""Writes every profile, or says which of those that are there is not what would be written."""

from __future__ import annotations

import argparse
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
from lakzegel_profiles.site import HELP, TEAM, Site, authority_of, read_values, team_of

ROOT: Final = Path(__file__).resolve().parents[3]
GUIDE: Final = "docs/guides/mdm-keys.md"
FOLDER: Final = "mdm-profiles"
_MORE: Final = """\
--values takes an agent.toml with your own server and keys; without it the profiles have examples
that no agent takes. --out leaves the checkout as it is.

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
    return {**{f"{FOLDER}/{name}": data for name, data in made.items()}, GUIDE: guide.guide(keys)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them, or compare."""
    said = _parser().parse_args(arguments)
    try:
        keys = keys_of_schema()
        made = files(keys, _site(said, keys))
        if said.check:
            return _compared(said.out, made)
        _write(said.out, made)
    except (ProfileError, OSError) as error:
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
    return Site(
        values={} if said.values is None else read_values(said.values, keys),
        team=team_of(said.team_id),
        organisation=said.organisation,
        language=said.language,
        host=b"" if said.host_certificate is None else authority_of(said.host_certificate),
        help=said.help_url,
        authority=b"" if said.authority is None else authority_of(said.authority),
    )


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


def _write(out: Path, made: Mapping[str, bytes]) -> None:
    for name, data in made.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
