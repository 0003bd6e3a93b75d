# SPDX-License-Identifier: EUPL-1.2
"""What makes and what opens the vectors; every key in here is a test key, known to everybody."""
