# SPDX-License-Identifier: EUPL-1.2
"""A log of any length, made anew the same way each time, and what its length costs."""
