# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# Once no file of the version before is left, what is enabled starts.
if runs_systemd; then
    systemctl daemon-reload >/dev/null 2>&1 || true
    [ -z "$ready" ] || [ -e "$ready" ] || exit 0
    for unit in $units; do
        ! systemctl is-enabled --quiet "$unit" || systemctl start "$unit" >/dev/null 2>&1 || true
    done
fi
exit 0
