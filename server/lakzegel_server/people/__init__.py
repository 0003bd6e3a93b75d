# SPDX-License-Identifier: EUPL-1.2
"""People: how they log in, how they stay so, and what keeps others out (docs/spec/people.md)."""
