# SPDX-License-Identifier: EUPL-1.2
"""One module a command: its arguments, and what it prints."""
