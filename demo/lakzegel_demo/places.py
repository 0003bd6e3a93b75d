# SPDX-License-Identifier: EUPL-1.2
"""Where everything lies below OUT."""

from dataclasses import dataclass
from pathlib import Path

from lakzegel_demo.errors import UsageError


@dataclass(frozen=True, slots=True)
class Places:
    """OUT: a folder for each party, and the files that a person would write."""

    out: Path

    @classmethod
    def begin(cls, out: Path) -> "Places":
        """Return OUT, made where there was none.

        Raises:
            UsageError: there is something in it.
        """
        places = cls(out.absolute())
        try:
            places.out.mkdir(parents=True, exist_ok=True)
            if any(places.out.iterdir()):
                raise UsageError(f"--out {out}: not empty; give a new or an empty folder")
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}") from error
        for folder in (places.agent, places.judge, places.restored):
            folder.mkdir(mode=0o700)
        return places

    @property
    def server(self) -> Path:
        """The receiver's DATA."""
        return self.out / "server"

    @property
    def office(self) -> Path:
        """The records office's home."""
        return self.out / "office"

    @property
    def agent(self) -> Path:
        """The agent's home."""
        return self.out / "agent"

    @property
    def judge(self) -> Path:
        """What somebody gets who must believe one item."""
        return self.out / "judge"

    @property
    def restored(self) -> Path:
        """Each source, rebuilt from the office's mirror."""
        return self.out / "restored"

    @property
    def device(self) -> Path:
        """The device that the demo makes up when it is given no folders."""
        return self.out / "device"

    @property
    def tampered(self) -> Path:
        """The copy of the office in which one bit is flipped."""
        return self.out / "tampered"

    @property
    def logs(self) -> Path:
        """What the processes said."""
        return self.out / "logs"

    @property
    def passphrase(self) -> Path:
        """The office's passphrase."""
        return self.out / "passphrase"

    @property
    def policy(self) -> Path:
        """The policy that the receiver may read."""
        return self.out / "policy.toml"

    @property
    def annex(self) -> Path:
        """The part of the policy that the receiver may not read."""
        return self.out / "annex.toml"

    @property
    def summary(self) -> Path:
        """The figures."""
        return self.out / "summary.json"

    @property
    def pids(self) -> Path:
        """The processes that stay up with `--keep`."""
        return self.out / "pids.json"
