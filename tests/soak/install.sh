#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs the programs whose files the tests capture, where this machine lets us; a test whose
# program is absent says so and is skipped.
set -eu
if command -v dovecot >/dev/null && command -v mbsync >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "soak: no Dovecot and mbsync, and no leave to install them"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
timeout 180 sh -c 'apt-get update -qq && apt-get install -qq -y --no-install-recommends \
    dovecot-imapd isync' >/dev/null || echo "soak: Dovecot and mbsync could not be installed"
