# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# Enabled as Debian does it: an administrator's own choice, of before or for a removed package, stays.
enable_units() { # its option, units
    option=$1
    shift
    for unit in "$@"; do
        # shellcheck disable=SC2086 # an option or nothing
        deb-systemd-helper $option unmask "$unit" >/dev/null || true
        # shellcheck disable=SC2086
        if [ -n "$enabled" ] && deb-systemd-helper $option --quiet was-enabled "$unit"; then
            # shellcheck disable=SC2086
            deb-systemd-helper $option enable "$unit" >/dev/null || true
        else
            # shellcheck disable=SC2086
            deb-systemd-helper $option update-state "$unit" >/dev/null || true
        fi
    done
}

case "$1" in
    configure | abort-upgrade | abort-deconfigure | abort-remove)
        prepare
        # shellcheck disable=SC2086 # lists of names
        enable_units "" $units
        # shellcheck disable=SC2086
        enable_units --user $user_units
        if runs_systemd; then
            systemctl --system daemon-reload >/dev/null || true
            # shellcheck disable=SC2086
            [ -z "$enabled" ] && [ -z "${2:-}" ] || deb-systemd-invoke start $units >/dev/null || true
        fi
        ;;
esac
exit 0
