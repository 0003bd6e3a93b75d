# SPDX-License-Identifier: EUPL-1.2
"""What a batch is; how it is encrypted, chained, sealed and verified. Bytes in, proof out."""
