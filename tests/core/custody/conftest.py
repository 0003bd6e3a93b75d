# SPDX-License-Identifier: EUPL-1.2
"""Lets the tests find what takes walks through valid logs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
