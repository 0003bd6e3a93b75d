# SPDX-License-Identifier: EUPL-1.2
"""From files of one machine to a database and an S3 store, verified (docs/spec/stores.md §10)."""
