# SPDX-License-Identifier: EUPL-1.2
"""``python mdm-profiles/generate``: the profiles, written."""

import sys

from lakzegel_profiles.command import main

if __name__ == "__main__":
    sys.exit(main())
