# SPDX-License-Identifier: EUPL-1.2
"""Where everything lies below DATA (docs/spec/storage.md)."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Final

from lakzegel_server.durable import FOLDER, make_folder
from lakzegel_server.index.place import Address, Place
from lakzegel_server.stores.stores import Stores

FOLDERS: Final = (
    *("keys", "log", "batches", "keyrings", "annexes", "incoming"),
    *("timestamps", "timestamps/roots", "trail", "waiting"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one receiver, and the stores of what does not lie at one.

    Paths below `batches`, `keyrings`, `annexes`, `trail` and the like are where the stores of an
    embedded receiver put what they keep; whoever reads or writes that asks ``stores``.
    """

    data: Path
    index: Address | None = field(default=None, kw_only=True)  # of an index that is no file
    given: InitVar[Stores | None] = field(default=None, kw_only=True)
    stores: Stores = field(init=False, compare=False, repr=False)

    def __post_init__(self, given: Stores | None) -> None:
        """Without other stores, everything lies below DATA."""
        object.__setattr__(self, "stores", given or Stores.below(self.data))

    def with_stores(self, stores: Stores) -> Layout:
        """The same paths, with these stores."""
        return Layout(self.data, index=self.index, given=stores)

    @property
    def config(self) -> Path:
        """``server.toml``: the origin."""
        return self.data / "server.toml"

    @property
    def settings(self) -> Path:
        """``settings.toml``: what the operator decides; may be absent."""
        return self.data / "settings.toml"

    @property
    def database(self) -> Place:
        """Sequencing, index, accounts and refusals: a file or an address."""
        return self.index or self.index_file

    @property
    def index_file(self) -> Path:
        """Where the index is when it is a file."""
        return self.data / "index.sqlite"

    @property
    def log(self) -> Path:
        """The tiled log, as it is served."""
        return self.data / "log"

    @property
    def incoming(self) -> Path:
        """Uploads under way; swept at start."""
        return self.data / "incoming"

    @property
    def unsealed(self) -> Path:
        """Which batches may lie here without an entry."""
        return self.data / "unsealed"

    @property
    def batches(self) -> Path:
        """Batch files."""
        return self.data / "batches"

    @property
    def keyrings(self) -> Path:
        """Keyring files, apart from the batches that they open."""
        return self.data / "keyrings"

    @property
    def annexes(self) -> Path:
        """Annexes, each under the hex of its digest."""
        return self.data / "annexes"

    @property
    def trail(self) -> Path:
        """Segments of the audit trail."""
        return self.data / "trail"

    @property
    def held(self) -> Path:
        """The office's newest held statement."""
        return self.data / "held"

    @property
    def evidence(self) -> Path:
        """Signed checkpoints that contradict each other; there only when the log forked."""
        return self.data / "evidence"

    @property
    def ahead(self) -> Path:
        """A checkpoint that this log signed of more than DATA has, until DATA has that."""
        return self.data / "ahead"

    @property
    def restored(self) -> Path:
        """When the backup was made that DATA was restored from, until a newer log is ruled out."""
        return self.data / "restored"

    @property
    def shown(self) -> Path:
        """The newest checkpoint that this receiver showed, where others work on its index too."""
        return self.data / "shown"

    @property
    def shared(self) -> bool:
        """Whether other receivers may be at work on the same index (docs/spec/stores.md §7)."""
        return self.index is not None

    @property
    def timestamps(self) -> Path:
        """Tokens over checkpoints, with their roots."""
        return self.data / "timestamps"

    @property
    def savepoint(self) -> Path:
        """Where the next start goes on from; may be absent."""
        return self.data / "savepoint"

    @property
    def lock(self) -> Path:
        """Taken while entries are sequenced."""
        return self.data / "sequence.lock"

    @property
    def serving(self) -> Path:
        """Taken while a receiver serves this DATA."""
        return self.data / "serve.lock"

    @property
    def listening(self) -> Path:
        """The URL that ``serve`` answers on, while it does."""
        return self.data / "listening"

    @property
    def handing(self) -> Path:
        """The socket where ``serve`` takes notes from ``publish``, while it does."""
        return self.data / "publish.sock"

    @property
    def vkey(self) -> Path:
        """The Ed25519 verifier key alone, for foreign tools."""
        return self.data / "log.vkey"

    @property
    def log_keys(self) -> Path:
        """Both verifier keys, a line each."""
        return self.data / "log.keys"

    def key(self, name: str) -> Path:
        """A signing key of the log."""
        return self.data / "keys" / name

    def batch(self, name: str) -> Path:
        """A batch file, by the hex of its id."""
        return self.batches / f"{name}.batch"

    def keyring(self, name: str) -> Path:
        """A keyring file, by the hex of its batch's id."""
        return self.keyrings / f"{name}.keyring"

    def next_keyring(self, name: str, digest: str) -> Path:
        """A keyring that waits for its entry, by its batch's id and the hex of its own digest."""
        return self.data / "waiting" / f"{name}.{digest}.next"

    def segment(self, number: int) -> Path:
        """A segment of the audit trail."""
        return self.trail / f"{number}.jsonl"

    def annex(self, name: str) -> Path:
        """An annex, by the hex of its digest."""
        return self.annexes / name


def make_folders(layout: Layout) -> None:
    """Make DATA and its folders, closed to others."""
    make_folder(layout.data)
    layout.data.chmod(FOLDER)
    for name in FOLDERS:
        make_folder(layout.data / name)
