# SPDX-License-Identifier: EUPL-1.2
"""The demo: every party in a process of its own, driven by its command line only."""
