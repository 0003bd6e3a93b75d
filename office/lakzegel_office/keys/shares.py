# SPDX-License-Identifier: EUPL-1.2
"""A secret of 32 bytes in SLIP-39 shares, by `shamir-mnemonic`; docs/spec/office-keys.md §6.

33 words each, from a public list of 1,024, so that any tool that knows SLIP-0039 combines them.
No text of a fault holds a word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from shamir_mnemonic import MnemonicError
from shamir_mnemonic.shamir import ShareGroup, generate_mnemonics, recover_ems
from shamir_mnemonic.share import Share

from lakzegel_office.errors import UsageError

SECRET: Final = 32  # bytes
WORDS: Final = 33  # of a share of 32 bytes
MOST: Final = 16  # shares of a group, and groups
ITERATIONS: Final = 3  # exponent: 80,000 rounds of PBKDF2, a quarter of a second
MOST_ITERATIONS: Final = 15


@dataclass(frozen=True, slots=True)
class Group:
    """How many shares of a group there are, and how many of them it takes."""

    threshold: int
    shares: int

    @classmethod
    def parse(cls, text: str) -> "Group":
        """Return the group of a `T/N`.

        Raises:
            UsageError: it is none.
        """
        threshold, slash, shares = text.partition("/")
        if not slash or not threshold.isdecimal() or not shares.isdecimal():
            raise UsageError(f"{text}: a group is T/N, like 2/3: T of its N shares are needed")
        return cls(int(threshold), int(shares))

    def check(self) -> None:
        """Return when such a group can be made.

        Raises:
            UsageError: it cannot.
        """
        if not 1 <= self.threshold <= self.shares <= MOST:
            raise UsageError(f"{self.threshold}/{self.shares}: 1 to {MOST} shares, no more needed")
        if self.threshold == 1 and self.shares > 1:
            raise UsageError(f"1/{self.shares}: one share alone would be the key; give it once")


@dataclass(frozen=True, slots=True)
class OneShare:
    """One share: which set it is of, its place in it, its words."""

    set_id: int
    group: int
    groups_needed: int
    index: int
    needed: int
    words: tuple[str, ...] = field(repr=False)


def split(
    secret: bytes,
    groups: Sequence[Group],
    groups_needed: int,
    *,
    passphrase: str = "",
    iterations: int = ITERATIONS,
) -> list[list[OneShare]]:
    """Return the shares of a secret, group by group.

    Raises:
        UsageError: numbers that make no sense, or a passphrase that SLIP-39 does not know.
    """
    if len(secret) != SECRET:
        raise ValueError(f"a secret of {SECRET} bytes")
    for group in groups:
        group.check()
    if not 1 <= groups_needed <= len(groups) <= MOST:
        raise UsageError(f"{groups_needed} of {len(groups)} groups: 1 to {MOST}, no more needed")
    if not 0 <= iterations <= MOST_ITERATIONS:
        raise UsageError(f"--iterations {iterations}: 0 to {MOST_ITERATIONS}")
    made = generate_mnemonics(
        groups_needed,
        [(group.threshold, group.shares) for group in groups],
        secret,
        _passphrase(passphrase),
        iteration_exponent=iterations,
    )
    return [[parse(text.split()) for text in texts] for texts in made]


def parse(words: Sequence[str]) -> OneShare:
    """Return the share of these words, its checksum proven.

    Raises:
        UsageError: not 33 words of the list, or one of them is another.
    """
    share = _share(words)
    return OneShare(
        share.identifier,
        share.group_index,
        share.group_threshold,
        share.index,
        share.member_threshold,
        tuple(words),
    )


def combine(shares: Iterable[OneShare], *, passphrase: str = "") -> bytes:
    """Return the secret; shares beyond the threshold are not needed.

    With another passphrase this is another secret: the caller knows which is right.

    Raises:
        UsageError: too few, of two sets, or one is not of its set.
    """
    given = {share.words: share for share in shares}.values()
    if len({share.set_id for share in given}) != 1:
        raise UsageError("the shares are of more than one set, or there is none")
    try:
        groups = _enough([_share(share.words) for share in given])
        secret: bytes = recover_ems(groups).decrypt(_passphrase(passphrase))
    except (MnemonicError, ValueError) as error:
        raise UsageError("the shares do not belong together, or one is forged") from error
    return secret


def _enough(shares: Sequence[Share]) -> dict[int, ShareGroup]:
    """Return as many groups as are needed, each with as many shares as are needed."""
    by_group: dict[int, list[Share]] = {}
    for share in shares:
        by_group.setdefault(share.group_index, []).append(share)
    whole = {
        number: found[: found[0].member_threshold]
        for number, found in sorted(by_group.items())
        if len(found) >= found[0].member_threshold
    }
    needed = shares[0].group_threshold
    if len(whole) < needed:
        lacking = [
            f"group {number + 1} has {len(found)} of {found[0].member_threshold}"
            for number, found in sorted(by_group.items())
        ]
        raise UsageError(f"too few shares: {'; '.join(lacking)}; {needed} groups are needed")
    groups = {}
    for number in list(whole)[:needed]:
        groups[number] = ShareGroup()
        for share in whole[number]:
            groups[number].add(share)
    return groups


def _share(words: Sequence[str]) -> Share:
    if len(words) != WORDS:
        raise UsageError(f"a share has {WORDS} words; this has {len(words)}")
    try:
        return Share.from_mnemonic(" ".join(words))
    except (MnemonicError, ValueError, KeyError):
        raise UsageError("a word is wrong or in the wrong place: the checksum differs") from None


def _passphrase(text: str) -> bytes:
    if not all(" " <= c <= "~" for c in text):
        raise UsageError("the shares' passphrase: printable ASCII only, as SLIP-0039 has it")
    return text.encode("ascii")
