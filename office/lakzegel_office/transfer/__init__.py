# SPDX-License-Identifier: EUPL-1.2
"""What leaves the office for another archive: docs/spec/transfer.md."""
