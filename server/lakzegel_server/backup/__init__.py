# SPDX-License-Identifier: EUPL-1.2
"""Copies a receiver while it serves, and makes one of the copy (docs/spec/backup.md)."""
