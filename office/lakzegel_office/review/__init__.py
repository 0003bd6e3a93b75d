# SPDX-License-Identifier: EUPL-1.2
"""Review: what each unit is, as people decided it, and the local page on which they do."""
