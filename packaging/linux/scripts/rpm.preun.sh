# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# Removed, not upgraded. rpm has no purge: what is in the state's folder always stays.
if [ "$1" = 0 ]; then
    # shellcheck disable=SC2086 # lists of names
    [ -z "$units" ] || systemctl --no-reload disable --now $units >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    [ -z "$user_units" ] || systemctl --no-reload --global disable $user_units >/dev/null 2>&1 || true
    tell_what_stays
fi
exit 0
