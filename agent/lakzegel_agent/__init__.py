# SPDX-License-Identifier: EUPL-1.2
"""The device's room: watch, read, seal, spool, ship; guards for settings; health."""
