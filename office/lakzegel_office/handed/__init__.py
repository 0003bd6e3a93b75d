# SPDX-License-Identifier: EUPL-1.2
"""Pulling from a folder that a receiver hands over into (docs/spec/handover.md §2)."""
