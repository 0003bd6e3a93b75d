# SPDX-License-Identifier: EUPL-1.2
"""The office answers over HTTP: it hands out its mirror and cosigns (docs/spec/witness.md)."""
