# SPDX-License-Identifier: EUPL-1.2
"""What the office tells by itself when something is wrong, once, and once that it is over.

docs/spec/alarms.md. The office alarms, not the receiver: it alone has verified and opened.
"""
