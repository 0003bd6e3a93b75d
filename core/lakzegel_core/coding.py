# SPDX-License-Identifier: EUPL-1.2
"""How a payload is coded inside an item: as it is, or one zstd frame (docs/spec/item.md §3).

Compressing is most of what sealing costs, so it is tried only where it can help: not on what is
compressed already, and not on large payloads of which three samples would shrink by less than a
quarter (base64 of a picture shrinks by exactly that, and nothing else in it repeats).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import zstandard

from lakzegel_core.errors import FormatError, LimitError, SizeMismatchError
from lakzegel_core.limits import MAX_SEGMENT

Compress = Callable[[bytes], bytes]
"""One zstd frame that states its content size; a process keeps one compressor and passes it in."""

IDENTITY: Final = "identity"
ZSTD: Final = "zstd"
MIN_COMPRESSED: Final = 400  # bytes; what is shorter ends in a plaintext of 512 or little more
SAMPLED_FROM: Final = 65_536  # bytes; below this, compressing costs as little as finding out
SAMPLE: Final = 4_096  # bytes, at a quarter, the middle and three quarters
WORTH: Final = 0.74  # of its size at most must a sample shrink to; base64 of noise gives 0.756
MAX_WINDOW: Final = 2**27  # bytes of memory a decoder spends on a frame, zstd's own default limit

_COMPRESSED: Final = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n",
    b"GIF8",
    b"PK\x03\x04",  # zip, and with it docx, xlsx, odt
    b"\x1f\x8b",  # gzip
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"BZh",
    b"OggS",
    b"ID3",
    b"\xff\xfb",  # MP3
)
_FIRST: Final = frozenset(start[0] for start in _COMPRESSED)
_mine: Final = threading.local()
_FTYP: Final = b"ftyp"  # at byte 4: MP4, MOV, HEIC, M4A
_WEBP: Final = b"WEBP"  # at byte 8


def encode(payload: bytes, compress: Compress) -> tuple[str, bytes]:
    """The name of the coding and the coded payload; the payload itself where nothing is won."""
    if not _worth_trying(payload, compress):
        return IDENTITY, payload
    coded = compress(payload)
    if len(coded) < len(payload):
        return ZSTD, coded
    return IDENTITY, payload


def decode(coding: str, coded: bytes | memoryview, *, size: int, what: str) -> bytes:
    """The raw payload of ``size`` bytes; memory is bounded by ``size`` before anything is decoded.

    Raises:
        LimitError: larger than a segment may be, or a frame that wants too much memory.
        FormatError: an unknown coding, not one whole frame.
        SizeMismatchError: another size than stated.
    """
    if size > MAX_SEGMENT:
        raise LimitError(what, f"{size} raw bytes, at most {MAX_SEGMENT}")
    if coding == IDENTITY:
        if len(coded) != size:
            raise SizeMismatchError(f"{what}: {len(coded)} raw bytes where {size} are stated")
        return bytes(coded)
    if coding != ZSTD:
        raise FormatError(what, "unknown coding")
    return _decode_zstd(coded, size=size, what=what)


def _decode_zstd(coded: bytes | memoryview, *, size: int, what: str) -> bytes:
    try:
        frame = zstandard.get_frame_parameters(coded)
    except zstandard.ZstdError:
        raise FormatError(what, "not a zstd frame") from None
    if frame.content_size != size:
        raise SizeMismatchError(f"{what}: the zstd frame does not hold the {size} bytes stated")
    if frame.window_size > MAX_WINDOW or frame.dict_id:
        raise LimitError(what, "the zstd frame needs more memory than allowed, or a dictionary")
    try:
        # content_size is what the decoder allocates; it was compared above
        raw = _decoder().decompress(
            coded, max_output_size=size, read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise FormatError(what, "not one whole zstd frame") from None
    if len(raw) != size:
        raise SizeMismatchError(f"{what}: {len(raw)} raw bytes where {size} are stated")
    return raw


def _decoder() -> zstandard.ZstdDecompressor:
    """This thread's decoder: a new one costs more than decoding a mail."""
    decoder: zstandard.ZstdDecompressor | None = getattr(_mine, "decoder", None)
    if decoder is None:
        decoder = _mine.decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    return decoder


def _worth_trying(payload: bytes, compress: Compress) -> bool:
    length = len(payload)
    if length < MIN_COMPRESSED or (payload[0] in _FIRST and payload.startswith(_COMPRESSED)):
        return False
    if payload.startswith(_FTYP, 4) or payload.startswith(_WEBP, 8):
        return False
    if length < SAMPLED_FROM:
        return True
    quarter = length // 4
    sample = b"".join(payload[start : start + SAMPLE] for start in (quarter, 2 * quarter, -quarter))
    return len(compress(sample)) < WORTH * len(sample)
