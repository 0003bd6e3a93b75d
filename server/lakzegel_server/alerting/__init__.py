# SPDX-License-Identifier: EUPL-1.2
"""Tells people and programs what is wrong: once for each cause, and once that it is over."""
