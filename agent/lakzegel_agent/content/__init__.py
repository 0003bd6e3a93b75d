# SPDX-License-Identifier: EUPL-1.2
"""What a segment is looked through for, and the labels that it gets (docs/spec/guards.md §8).

A package of its own that a sealing process imports only where the policy asks for it.
"""

from __future__ import annotations

from typing import Final

CLASSIFIED: Final = "classified"  # a marking of the government, of NATO or of the EU
CITIZEN_NUMBER: Final = "citizen-number"  # one that passes, with a word beside it that names it
NOT_WHOLE: Final = "not-scanned-whole"  # there was more text than the limits allow
SCAN_FAILED: Final = "scan-failed"  # the look itself failed; nothing can be said
