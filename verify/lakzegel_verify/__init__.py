# SPDX-License-Identifier: EUPL-1.2
"""The judge's tool: one file, one proof, the keys to trust; offline."""
