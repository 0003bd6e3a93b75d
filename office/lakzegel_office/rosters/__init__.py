# SPDX-License-Identifier: EUPL-1.2
"""Many devices of one table: their admissions, and which machine is which device."""
