# SPDX-License-Identifier: EUPL-1.2
"""Keys and people: recipients per period, staff, the escrow in shares, what is due."""
