# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

if runs_systemd; then
    systemctl daemon-reload >/dev/null 2>&1 || true
fi
if [ "$1" = 0 ]; then
    forget_environment
fi
exit 0
