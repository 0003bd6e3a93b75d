# SPDX-License-Identifier: EUPL-1.2
"""The collection: what was opened, as people know it: mails, conversations, messages, files."""
