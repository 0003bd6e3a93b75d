# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

# Whether a unit is one that starts by itself, or that an administrator enabled before.
to_enable() {
    case " $enabled $user_units " in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

# Enabled as Debian does it: an administrator's own choice, of before or for a removed package, stays.
enable_units() { # its option, units
    option=$1
    shift
    # shellcheck disable=SC2086 # an option or nothing
    [ $# = 0 ] || deb-systemd-helper $option unmask "$@" >/dev/null || true
    for unit in "$@"; do
        # shellcheck disable=SC2086
        if to_enable "$unit" && deb-systemd-helper $option --quiet was-enabled "$unit"; then
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
            # shellcheck disable=SC2086 # what is not enabled is not started
            [ ! -e "$ready" ] && [ -n "$ready" ] || deb-systemd-invoke start $units >/dev/null || true
        fi
        ;;
esac
exit 0
