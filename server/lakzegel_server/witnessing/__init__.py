# SPDX-License-Identifier: EUPL-1.2
"""The receiver asks witnesses to cosign what it shows (docs/spec/witness.md §3)."""
