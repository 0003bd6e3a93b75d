#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Removes Lakzegel Agent from this Mac. What was captured and nobody else has yet stays, with the
# keys that send it; so do settings. Silent but for what it says; run it as root:
#
#     sudo "/Library/Application Support/Lakzegel/uninstall.sh"
#
# Not run on a real device.
set -eu
agent=nl.lakzegel.agent
helper=nl.lakzegel.agent.user
place=${LAKZEGEL_PLACE:-/Library/Application Support/Lakzegel}
library=${LAKZEGEL_LIBRARY:-/Library}

say() {
    echo "Lakzegel Agent: $*"
    logger -t lakzegel-agent -p daemon.notice -- "$*" 2>/dev/null || true
}

if [ "$(id -u)" != 0 ]; then
    echo "Lakzegel Agent: only root removes it: sudo \"$0\"" >&2
    exit 2
fi

launchctl bootout "system/$agent" 2>/dev/null || true
ps -axo uid=,comm= | sed -n 's|^ *\([0-9][0-9]*\) .*/loginwindow$|\1|p' | sort -u |
    while read -r number; do
        launchctl bootout "gui/$number/$helper" 2>/dev/null || true
    done
rm -f "$library/LaunchDaemons/$agent.plist" "$library/LaunchAgents/$helper.plist"
rm -rf "$place/Lakzegel Agent.app"
pkgutil --forget "$agent" >/dev/null 2>&1 || true

count=$(find "$place" -type f \( -path '*/spool/*.head' -o -path '*/given-up/*.head' \) 2>/dev/null |
    grep -c . || true)
if [ "$count" -gt 0 ]; then
    say "removed; $count closed batches are kept in $place: not sent, or not yet known to be held" \
        "by the records office; install the package again and they are sent"
else
    say "removed; keys and ledger are kept in $place; no batch waits there"
fi
rm -f "$0"
