# SPDX-License-Identifier: EUPL-1.2
"""The receiver: admits, receives, seals and hands out what it cannot read."""
