# SPDX-License-Identifier: EUPL-1.2
"""The parts of `bench.load`: a custody of many devices, what they send, who carries it, a floor."""
