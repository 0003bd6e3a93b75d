# SPDX-License-Identifier: EUPL-1.2
"""Where the index is and how it is spoken to: SQLite or PostgreSQL (docs/spec/stores.md §2)."""
