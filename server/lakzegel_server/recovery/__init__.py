# SPDX-License-Identifier: EUPL-1.2
"""Never a fork of its own making: read-only until this is the newest log (spec/recovery.md)."""
