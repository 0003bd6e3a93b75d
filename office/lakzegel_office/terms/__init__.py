# SPDX-License-Identifier: EUPL-1.2
"""Terms of office: whose a custody is, from when until when, and how it ends."""
