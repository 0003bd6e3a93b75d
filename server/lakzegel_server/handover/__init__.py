# SPDX-License-Identifier: EUPL-1.2
"""Pushes what was sealed to where the records office wants it (docs/spec/handover.md)."""
