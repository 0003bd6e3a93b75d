# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# At an upgrade the service stops before its files change: one at work would take up half of each
# version. What is connected to a socket waits for the new one.
if [ "$1" -gt 1 ] && runs_systemd && [ -n "$services" ]; then
    # shellcheck disable=SC2086 # a list of names
    systemctl stop $services >/dev/null 2>&1 || true
fi
if [ "$1" -gt 1 ]; then
    keep_environment
fi
exit 0
