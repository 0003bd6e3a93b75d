# SPDX-License-Identifier: EUPL-1.2
"""Speed and memory beside what people would compare with; never part of the tests."""
