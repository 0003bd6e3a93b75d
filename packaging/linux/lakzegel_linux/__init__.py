# SPDX-License-Identifier: EUPL-1.2
"""Packages for Linux: .deb and .rpm of agent, receiver and office, with an environment in each.

    python -m lakzegel_linux --out dist/linux    what `make package` calls

The same tree gives the same bytes. docs/adr/0028-packages-for-linux.md
"""
