# SPDX-License-Identifier: EUPL-1.2
"""Whether everything stored is what the log says, file by file (docs/spec/storage.md §6)."""
