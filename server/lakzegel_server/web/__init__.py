# SPDX-License-Identifier: EUPL-1.2
"""The receiver's HTTP API: one module a resource, one table of routes."""
