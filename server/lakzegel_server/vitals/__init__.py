# SPDX-License-Identifier: EUPL-1.2
"""How a receiver itself fares: tests of what it needs, and counts of what it does."""
