# SPDX-License-Identifier: EUPL-1.2
"""One module a format: bytes of a segment in, a piece out; none of them raises."""
