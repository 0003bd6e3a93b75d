# SPDX-License-Identifier: EUPL-1.2
"""Every limit of the formats, with its reason. Checked before anything is parsed."""

from __future__ import annotations

from typing import Final

DIGEST: Final = 32  # bytes: SHA-256 everywhere
MAX_INT: Final = 2**53 - 1  # what every JSON parser reads exactly (RFC 8785)
MAX_HEADER: Final = 4_096  # bytes of a batch header note; a real one has about 900
MAX_HEARTBEAT: Final = 16_384  # bytes of a heartbeat; a device that fares badly has about 4,000
MAX_NOTE: Final = 65_535  # bytes; a log entry's length is 16 bits (C2SP tlog-tiles)
MAX_SIGNATURES: Final = 16  # lines of a note; what C2SP signed-note obliges verifiers to accept
MAX_CHECKPOINT: Final = 65_536  # bytes; 16 post-quantum cosignatures are 52 KB
MAX_PROOF: Final = 131_072  # bytes; checkpoint, 63 path lines and a consistency proof as extra
MAX_KEY_NAME: Final = 255  # bytes; an 8-bit length in the ML-DSA-44 cosigned message
MAX_ITEMS: Final = 65_536  # items a batch: a manifest of 4.7 MB at most
MAX_ITEM: Final = 256 * 2**20  # bytes of one item's ciphertext
MAX_BATCH: Final = 2**30  # bytes of a batch file
MAX_KEYRING: Final = 4 * 2**20  # bytes of a keyring file: 65,536 slots and 32 recipients
MAX_SEGMENT: Final = 128 * 2**20  # raw bytes of one segment
MAX_JSON: Final = 65_536  # bytes of an item's core or context
MAX_CAPTURE: Final = 128 * 2**20  # bytes of a capture's list of segments
MAX_SEGMENTS: Final = 2**20  # that one capture names, those of its base's stretches included
MAX_JSON_DEPTH: Final = 8  # nested arrays and objects
MAX_PATH: Final = 4_096  # bytes of one path, PATH_MAX
MAX_POLICY: Final = 60_000  # bytes of TOML; leaves room for the signatures in one log entry
MAX_ANNEX: Final = 2**20  # bytes of an annex
MAX_INHERITED: Final = 128  # epochs in a row without a token; a proof of one item shows them all
MAX_WITHDRAWN: Final = 1_000  # admissions of one withdrawal: 55 bytes each, and a note's limit
MAX_SAVEPOINT_HEAD: Final = 4_096  # bytes before a savepoint's entries: the edge of 2^40 has 2,000
MAX_TREE: Final = 2**40  # entries of a log
MAX_TIMESTAMP: Final = 2**63 - 1  # POSIX seconds (C2SP tlog-cosignature)
