# SPDX-License-Identifier: EUPL-1.2
"""Pages for people: HTML that is made here and needs no script (docs/spec/dashboard.md)."""
