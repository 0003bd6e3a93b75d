# SPDX-License-Identifier: EUPL-1.2
"""What tables of ``settings.toml`` are made of (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from lakzegel_web.listening import is_loopback

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # where systemd puts what a unit was given


def _absolute(path: Path, info: ValidationInfo) -> Path:
    """An absolute path; one below the folder of credentials is named by the variable."""
    first, *names = path.parts or ("",)
    if first != f"${CREDENTIALS}":
        if not path.is_absolute():
            raise ValueError("not an absolute path")
        return path
    folder = (info.context or {}).get(CREDENTIALS, "")
    if not folder.startswith("/"):
        raise ValueError(f"{CREDENTIALS} is not set: only a service of systemd has it")
    if len(names) != 1 or names[0] == "..":
        raise ValueError(f"not the name of a credential below ${CREDENTIALS}")
    return Path(folder, names[0])


def _url(url: str) -> str:
    """The address of another server, without a slash at its end."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("not the address of a server")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("not https (plain http is for loopback addresses only)")
    return url.rstrip("/")


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
ServerUrl = Annotated[str, AfterValidator(_url)]


class Section(BaseModel):
    """A table of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
