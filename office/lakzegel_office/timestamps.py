# SPDX-License-Identifier: EUPL-1.2
"""Tokens over checkpoints: judged one by one, by docs/spec/timestamps.md §3 and mirror.md §2.

Whose roots they end at is for whoever is shown one to like; here it is seen that each is whole, and
over a tree that the mirrored log had.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.x509 import Certificate, load_pem_x509_certificate

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.errors import (
    DigestMismatchError,
    FormatError,
    LakzegelError,
    RootMismatchError,
)
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.timenames import ROOTS, Name, place_of
from lakzegel_core.timerenewal import MAX_LIST, parse_list
from lakzegel_core.timetoken import MAX_ANSWER, MAX_ROOT, Token, fingerprint, open_token, pem
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay

FOLDER: Final = "timestamps/"


@dataclass(slots=True)
class Times:
    """What the mirrored tokens say."""

    tokens: int = 0
    newest: tuple[int, Token] | None = None  # the size that the last of them speaks of
    doubts: list[Doubt] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # files that belong
    judged: list[str] = field(default_factory=list)  # tokens that held
    newest_name: str | None = None
    roots: list[str] = field(default_factory=list)

    def to_json(self) -> Mapping[str, Any]:
        """Return what a later check of the same mirror needs not judge again."""
        return {"judged": self.judged, "newest": self.newest_name, "roots": self.roots}


class Judge:
    """Judges tokens against one mirrored log."""

    def __init__(self, mirror: Mirror, config: Config, replay: Replay) -> None:
        """Keep what they are held against."""
        self._mirror = mirror
        self._config = config
        self._replay = replay

    def judge(
        self, name: Name, stamped: bytes, answer: bytes, roots: Sequence[Certificate]
    ) -> Token:
        """Return the token, when it holds and is over what it must be.

        Raises:
            LakzegelError: it does not, or is not.
        """
        token = open_token(answer, stamped, roots, nonce=None)
        if name.renewal:
            self._judge_list(stamped)
        else:
            self._judge_checkpoint(name, stamped)
        return token

    def _judge_checkpoint(self, name: Name, stamped: bytes) -> None:
        tree = open_checkpoint(stamped, self._config.log).checkpoint
        if tree.size != name.number or tree.size > self._replay.size:
            raise FormatError("timestamp", f"over {tree.size} entries, not {name.number}")
        if tree.root != self._replay.root(tree.size):
            raise RootMismatchError("the log had another root at that size: a fork")

    def _judge_list(self, stamped: bytes) -> None:
        origin, tokens = parse_list(stamped)
        if origin != self._config.origin:
            raise FormatError("timestamp renewal", "of another log")
        for token in tokens:
            path = self._mirror.timestamp(Name.parse(token.name).answer)
            try:
                data = read_limited(path, MAX_ANSWER)
            except (FileNotFoundError, DoubtError):
                raise DigestMismatchError(f"renews {token.name}, which is not here") from None
            if hashlib.sha256(data).digest() != token.token:
                raise DigestMismatchError(f"renews another {token.name} than is here")


def read_root(data: bytes, name: str) -> Certificate:
    """Return the certificate of a file that is named after it.

    Raises:
        FormatError: it is another, or none.
    """
    try:
        root = load_pem_x509_certificate(data)
    except ValueError:
        raise FormatError("root", "no certificate") from None
    if pem(root) != data or fingerprint(root) != name:
        raise FormatError("root", "not the certificate that it is named after")
    return root


def limit_of(file: str) -> int:
    """Return the largest size of a file of this name."""
    return {"tsr": MAX_ANSWER, "pem": MAX_ROOT, "list": MAX_LIST}.get(
        file.rpartition(".")[2], MAX_CHECKPOINT
    )


def check_timestamps(
    mirror: Mirror, config: Config, replay: Replay, known: Mapping[str, Any] | None = None
) -> Times:
    """Return what the tokens in the mirror say, and every doubt about them.

    Of those that `Times.to_json` told before, as `known`, the newest alone is judged again.
    """
    found = Times()
    before = known or {"judged": [], "newest": None, "roots": []}
    passed = set(before["judged"]) - {before["newest"]}
    files = [f.removeprefix(FOLDER) for f in mirror.files(FOLDER)]
    own = {f for f in files if place_of(f.rpartition("/")[2]) == f}
    found.names = {f"{FOLDER}{file}" for file in own}
    roots = dict(_roots(mirror, own, found))
    used: set[str] = set(before["roots"])
    judge = Judge(mirror, config, replay)
    for name in sorted({Name.parse(f.rpartition(".")[0]) for f in own if "/" not in f}):
        if str(name) in passed:
            found.judged.append(str(name))
            found.tokens += 1
            continue
        token = _judged(mirror, judge, name, list(roots.values()), found)
        if token is not None:
            found.judged.append(str(name))
            found.tokens += 1
            used.add(fingerprint(token.root))
            if not name.renewal:
                found.newest, found.newest_name = (name.number, token), str(name)
    found.roots = sorted(set(roots))
    for unused in sorted(set(roots) - used):
        what = "is the root of no token that is here"
        found.doubts.append(_doubt(f"{ROOTS}/{unused}.pem", what, "unexpected"))
    return found


def names_in(mirror: Mirror) -> list[Name]:
    """Return what tokens the mirror has by their names: over checkpoints, by size, then others."""
    files = [f.removeprefix(FOLDER) for f in mirror.files(FOLDER)]
    answers = [f for f in files if f.endswith(".tsr") and place_of(f) == f]
    return sorted(Name.parse(file.removesuffix(".tsr")) for file in answers)


def roots_in(mirror: Mirror) -> list[Certificate]:
    """Return the mirror's roots; those that are none are left out, and named by `verify`."""
    files = [f.removeprefix(FOLDER) for f in mirror.files(FOLDER + ROOTS)]
    return [root for _, root in _roots(mirror, set(files), Times())]


def _roots(mirror: Mirror, own: set[str], found: Times) -> Iterator[tuple[str, Certificate]]:
    for file in sorted(f for f in own if f.startswith(f"{ROOTS}/")):
        name = file.removeprefix(f"{ROOTS}/").removesuffix(".pem")
        try:
            yield name, read_root(read_limited(mirror.timestamp(file), MAX_ROOT), name)
        except (LakzegelError, DoubtError) as error:
            found.doubts.append(_doubt(file, str(error), "format"))


def _judged(
    mirror: Mirror, judge: Judge, name: Name, roots: Sequence[Certificate], found: Times
) -> Token | None:
    parts = []
    for file in (name.stamped, name.answer):
        try:
            parts.append(read_limited(mirror.timestamp(file), limit_of(file)))
        except FileNotFoundError:
            found.doubts.append(_doubt(file, "missing; run pull", "missing"))
        except DoubtError as error:
            found.doubts.append(_doubt(file, str(error), "limit"))
    if len(parts) < 2:  # noqa: PLR2004 - what was stamped, and the token
        return None
    if not roots:
        found.doubts.append(_doubt(name.answer, "its root is missing; run pull", "missing"))
        return None
    try:
        return judge.judge(name, parts[0], parts[1], roots)
    except LakzegelError as error:
        found.doubts.append(_doubt(name.answer, str(error), error.code))
        return None


def _doubt(file: str, what: str, code: str) -> Doubt:
    return Doubt(f"mirror/{FOLDER}{file}", what, code)
