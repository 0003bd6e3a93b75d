# SPDX-License-Identifier: EUPL-1.2
"""Holds, destruction lists, and what carries them out: docs/spec/disposal.md."""
