# SPDX-License-Identifier: EUPL-1.2
"""Makes the profiles that MDM delivers, of the agent's own schema of settings."""
