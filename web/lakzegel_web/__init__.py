# SPDX-License-Identifier: EUPL-1.2
"""What the receiver and the records office share: how a page is made, and how a notice leaves."""
