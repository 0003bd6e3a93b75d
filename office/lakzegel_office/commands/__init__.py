# SPDX-License-Identifier: EUPL-1.2
"""One module a command: its arguments, what it does, what it prints."""
