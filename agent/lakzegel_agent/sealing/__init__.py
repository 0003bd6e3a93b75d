# SPDX-License-Identifier: EUPL-1.2
"""Processes that read and seal: jobs go in, closed bodies and keyrings come out."""
