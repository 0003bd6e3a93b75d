# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

prepare
# At the first installation as the system's presets say; ours are 80-*.preset.
if [ "$1" = 1 ]; then
    # shellcheck disable=SC2086 # lists of names
    [ -z "$units" ] || systemctl --no-reload preset $units >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    [ -z "$user_units" ] || systemctl --no-reload --global preset $user_units >/dev/null 2>&1 || true
fi
exit 0
