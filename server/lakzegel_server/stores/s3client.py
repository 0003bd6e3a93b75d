# SPDX-License-Identifier: EUPL-1.2
"""Requests to an S3 store, and what their answers mean; the only importer of botocore."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.loaders import create_loader
from botocore.session import Session

from lakzegel_server.errors import ConfigError
from lakzegel_server.stores.failing import ExistsError, RefusalError, StoreError
from lakzegel_server.stores.place import S3Place
from lakzegel_server.stores.secret import Credentials

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 20  # for each answer, and between any two pieces of one
TRIES: Final = 4  # with waits that double and vary, some 3 s in all
CONNECTIONS: Final = 80  # as many threads as may ask at once, or each would make one anew
READ_ERRORS: Final = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError, OSError)
_FULL: Final = frozenset(
    {"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull"}
)
_GONE: Final = frozenset({"NoSuchKey", "NotFound", "404", "NoSuchVersion"})
_OWN: Final = frozenset(  # what a machine lacks that asks
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.EADDRNOTAVAIL,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
    }
)
_DENIED: Final = frozenset({401, 403})
_CONFLICT: Final = 409
_EXISTS: Final = 412
_FULL_STATUS: Final = 507


class S3Client:
    """Asks one bucket; for any number of threads."""

    def __init__(self, client: Any, place: S3Place) -> None:  # noqa: ANN401 - botocore makes its classes as it starts
        self._client = client
        self.place = place

    @classmethod
    def connect(cls, place: S3Place, credentials: Credentials | None) -> S3Client:
        """A client that has asked nothing yet.

        Raises:
            ConfigError: no credentials were found, or botocore takes none of this.
        """
        known = {} if credentials is None else credentials.arguments()
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=CONNECTIONS,
            tcp_keepalive=True,
            s3={"addressing_style": "path" if place.path_style else "virtual"},
            request_checksum_calculation="when_required",  # ours goes with every put
            response_checksum_validation="when_required",
        )
        try:
            session = Session()
            session.register_component("data_loader", _loader())
            client = session.create_client(
                "s3", region_name=place.region, endpoint_url=place.endpoint, config=config, **known
            )
            if credentials is None and session.get_credentials() is None:
                raise ConfigError(f"{place}: no credentials; name a file of them in settings.toml")
        except (BotoCoreError, ValueError) as error:
            raise ConfigError(f"{place}: {type(error).__name__}") from None
        return cls(client, place)

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def ask(self, operation: str, name: str | None = None, /, **arguments: object) -> Any:  # noqa: ANN401 - what botocore makes of an answer
        """The answer to a request about the bucket, or about what has this key in it.

        Raises:
            FileNotFoundError: nothing has this key.
            ExistsError: something has, where nothing was to.
            StoreError: it cannot be done now, or ever by these credentials.
            OSError: this machine cannot ask.
        """
        if name is not None:
            arguments["Key"] = self.place.base + name
        call = getattr(self._client, operation)
        for pause in (*_pauses(), None):  # between two tries each
            try:
                if isinstance(body := arguments.get("Body"), io.IOBase):
                    body.seek(0)
                return call(Bucket=self.place.bucket, **arguments)
            except ClientError as error:
                if pause is None or _status(error) != _CONFLICT:
                    raise self._meaning(error, name) from None
                time.sleep(pause)  # two put one name at the same moment: one of them is asked again
            except (BotoCoreError, OSError) as error:
                raise unreachable(error) from None
        raise AssertionError  # the last round returns or raises

    def _meaning(self, error: ClientError, name: str | None) -> Exception:
        status, code = _status(error), _code(error)
        if status == _EXISTS:
            return ExistsError(name)
        if code in _GONE and name is not None:
            return FileNotFoundError(errno.ENOENT, "not in the store", name)
        if status in _DENIED:
            text = f"the store refuses these credentials ({_plain(code)})"
            return RefusalError.of(errno.EACCES, text, status=status, code=code)
        if status == _FULL_STATUS or code in _FULL:
            return RefusalError.of(errno.ENOSPC, "the store has no room", status=status, code=code)
        text = f"the store answers {status} {_plain(code)}"
        return RefusalError.of(errno.EIO, text, status=status, code=code)


def unreachable(error: Exception) -> OSError:
    """The error of a store that does not answer, or of a machine that cannot ask it."""
    own = _own(error)
    if own is not None:
        text = f"the store cannot be asked from here: {own.strerror}"
        return OSError(own.errno, text, "store")
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return StoreError(errno.ETIMEDOUT, "the store does not answer")
    if isinstance(error, NoCredentialsError):
        return StoreError(errno.EACCES, "no credentials for the store")
    if isinstance(error, HTTPClientError | EndpointConnectionError | ConnectionError):
        return StoreError(errno.ECONNREFUSED, "the store cannot be reached")
    return StoreError(errno.EIO, f"the store cannot be asked ({type(error).__name__})")


def _own(error: BaseException) -> OSError | None:
    """What this machine lacks, where that is at the bottom of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OWN and cause.strerror:
            return cause
        cause = getattr(cause, "kwargs", {}).get("error") or cause.__cause__ or cause.__context__
    return None


def checksum(data: bytes) -> str:
    """SHA-256 as the store wants it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@cache
def _loader() -> object:
    """What S3 is, read once for all clients: it takes 12 MB."""
    return create_loader()


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _plain(code: str) -> str:
    return "".join(c for c in code[:40] if c.isalnum())


def _pauses(chance: Callable[[], float] = random.random) -> list[float]:
    return [2**number * (0.5 + chance()) / 10 for number in range(TRIES - 1)]
