# SPDX-License-Identifier: EUPL-1.2
"""What the packages are: one for a device, one for a receiver, one for a records office."""

from dataclasses import dataclass
from typing import Final

HOMEPAGE: Final = "https://lakzegel.nl"
MAINTAINER: Final = "Lakzegel's contributors <packages@lakzegel.nl>"
LICENCE: Final = "EUPL-1.2"


@dataclass(frozen=True, slots=True)
class Product:
    """One package: which rooms it has, of which lock its environment is, what it starts."""

    name: str  # of the package, and of its folder below /usr/lib
    lock: str  # requirements/<lock>.txt
    rooms: tuple[str, ...]  # import packages of ours
    commands: tuple[tuple[str, str], ...]  # in /usr/bin, and whose __main__ each is
    state: str  # the folder that an upgrade and a removal keep
    enabled: bool  # whether its services start by themselves
    ready: str  # what has to be there before they are started at an installation; "": nothing
    summary: str
    description: str
    recommends: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()  # units that only an administrator enables

    @property
    def home(self) -> str:
        """Where its environment lies on the system that it is installed on."""
        return f"/usr/lib/{self.name}"


PRODUCTS: Final = (
    Product(
        name="lakzegel-agent",
        lock="agent-all",
        rooms=("lakzegel_core", "lakzegel_agent"),
        commands=(("lakzegel-agent", "lakzegel_agent"),),
        state="/var/lib/lakzegel",
        enabled=True,
        ready="",  # its units wait for their settings
        summary="captures and seals mail and chats of a device",
        description=(
            "Captures mail and chats as they appear, seals them for the records office alone, "
            "and ships them to a receiver that cannot read them. Settings come from "
            "/etc/lakzegel/agent.toml; nobody logs in on the device."
        ),
        recommends=("tpm2-tools",),
    ),
    Product(
        name="lakzegel-server",
        lock="server-hsm",
        rooms=("lakzegel_core", "lakzegel_web", "lakzegel_server"),
        commands=(("lakzegel-server", "lakzegel_server"),),
        state="/var/lib/lakzegel-server",
        enabled=True,
        ready="/var/lib/lakzegel-server/server.toml",  # a socket that nobody answers is none
        summary="receiver of sealed batches, with their transparency log",
        description=(
            "Takes sealed batches of devices, stores them, appends them to a transparency log "
            "and answers with receipts. It holds ciphertext alone."
        ),
        by_hand=("lakzegel-server-backup.timer",),  # once another disk is mounted for it
    ),
    Product(
        name="lakzegel-office",
        lock="office",
        rooms=("lakzegel_core", "lakzegel_web", "lakzegel_office", "lakzegel_verify"),
        commands=(("lakzegel-office", "lakzegel_office"), ("lakzegel-verify", "lakzegel_verify")),
        state="/var/lib/lakzegel-office",
        enabled=False,
        ready="",
        summary="records office for sealed mail and chats",
        description=(
            "Pulls sealed batches, verifies that they are complete and unaltered, opens, reviews, "
            "exports, holds and destroys them, and proves one document without another."
        ),
    ),
)
