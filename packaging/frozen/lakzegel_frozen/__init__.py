# SPDX-License-Identifier: EUPL-1.2
"""The agent with a Python of its own, under a name of its own: a .pkg, an .msi, and a tree.

    python -m lakzegel_frozen macos --target macos-arm64 --runtime DIR --runtime-sha256 HEX --out D

The same inputs give the same bytes. docs/spec/frozen.md, docs/adr/0034
"""
