# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# A service stops before its files change: one at work would take up half of each version. What is
# connected to a socket waits for the new one.
if runs_systemd; then
    case "$1" in
        # shellcheck disable=SC2086 # lists of names
        upgrade | failed-upgrade) deb-systemd-invoke stop $services >/dev/null || true ;;
        # shellcheck disable=SC2086
        *) deb-systemd-invoke stop $units $services >/dev/null || true ;;
    esac
fi
if [ "$1" = remove ]; then
    tell_what_stays
fi
exit 0
