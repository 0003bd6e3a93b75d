# SPDX-License-Identifier: EUPL-1.2
"""What IT support sees of each device: states, counts and times; nothing about content."""
