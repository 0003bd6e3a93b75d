# SPDX-License-Identifier: EUPL-1.2
"""RFC 3161 tokens over checkpoints (docs/spec/timestamps.md)."""
