# SPDX-License-Identifier: EUPL-1.2
"""One encoding each for binary, numbers, times and JSON (docs/spec/notes.md §2)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import MAX_INT, MAX_JSON_DEPTH

JsonValue = str | int | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
_TIME_LENGTH: Final = 20
_SECONDS: Final = _TIME_LENGTH - 1
_FIRST_YEAR: Final = 1000  # nothing was signed before; and moments around it can be computed with
_MAX_DIGITS: Final = len(str(MAX_INT))


def b64(data: bytes) -> str:
    """Standard base64 with padding, RFC 4648 §4."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def unb64(text: str, *, what: str, size: int | None = None) -> bytes:
    """The bytes of canonical standard base64; exactly ``size`` of them when given.

    Raises:
        FormatError: any other alphabet, padding, spare bit or length.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        raise FormatError(what, "not base64") from None
    if b64(data) != text:
        raise FormatError(what, "not the canonical base64")
    if size is not None and len(data) != size:
        raise FormatError(what, f"{len(data)} bytes where {size} belong")
    return data


def parse_decimal(text: str, *, what: str) -> int:
    """The number of an ASCII decimal without sign or leading zero, below 2^53.

    Raises:
        FormatError: anything else that ``int`` would take.
    """
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0"):
        raise FormatError(what, "not a decimal number")
    if len(text) > _MAX_DIGITS or (number := int(text)) > MAX_INT:
        raise LimitError(what, "number too large")
    return number


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds: ``2026-11-24T02:07:45Z``."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()[:_SECONDS]}Z"


def parse_time(text: str, *, what: str) -> datetime:
    """The moment of ``2026-11-24T02:07:45Z``, aware, in UTC.

    Raises:
        FormatError: any other spelling of a time.
    """
    if len(text) != _TIME_LENGTH or text[-1] != "Z":
        raise FormatError(what, "not a time like 2026-11-24T02:07:45Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FormatError(what, "not a time like 2026-11-24T02:07:45Z") from None
    if moment.year < _FIRST_YEAR or format_time(moment) != text:
        raise FormatError(what, "not the canonical time")
    return moment


def canonical_json(value: JsonValue) -> bytes:
    """The RFC 8785 encoding of strings, whole numbers, booleans, null, arrays and objects.

    Raises:
        FormatError: a float, a number of 2^53 or more, a key that is not ASCII, a lone surrogate.
    """
    _check_json(value, 0)
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("json", "a string is not Unicode") from None


def parse_canonical_json(data: bytes, *, what: str, max_size: int) -> JsonValue:
    """The value of canonical JSON: parsed, encoded again, compared.

    Raises:
        LimitError: more than ``max_size`` bytes or too deep.
        FormatError: not canonical.
    """
    if len(data) > max_size:
        raise LimitError(what, f"{len(data)} bytes, at most {max_size}")
    try:
        value: JsonValue = _DECODER.decode(data.decode("utf-8"))
        again = canonical_json(value)
    except RecursionError:
        raise LimitError(what, "nested too deep") from None
    except ValueError:
        raise FormatError(what, "not JSON") from None
    if again != data:
        raise FormatError(what, "not the canonical JSON")
    return value


def _refuse_number(text: str) -> int:
    raise ValueError(text)


# made once: every item of a capture passes here
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)


def _check_json(value: JsonValue, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise LimitError("json", "nested too deep")
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise LimitError("json", "number too large")
    elif isinstance(value, Mapping):
        _check_object(value, depth)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_json(inner, depth + 1)
    else:
        raise FormatError("json", f"cannot encode {type(value).__name__}")


def _check_object(value: Mapping[str, JsonValue], depth: int) -> None:
    for key, inner in value.items():
        if not key.isascii():
            raise FormatError("json", "a key is not ASCII")
        if not isinstance(inner, str):
            _check_json(inner, depth + 1)
