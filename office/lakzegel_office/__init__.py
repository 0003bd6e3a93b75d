# SPDX-License-Identifier: EUPL-1.2
"""The records office's room: keys and policy, the mirror, opening, restoring, proving."""
