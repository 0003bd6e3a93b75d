# SPDX-License-Identifier: EUPL-1.2
"""Where bytes are kept: objects, keyrings, tiles, small documents (docs/spec/stores.md §4 to 6)."""
