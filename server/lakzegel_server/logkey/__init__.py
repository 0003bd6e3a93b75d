# SPDX-License-Identifier: EUPL-1.2
"""The log's Ed25519 key in a PKCS#11 token, used from a process of its own (docs/adr/0021)."""
