# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

forget_units() { # what to do, its option, units
    action=$1 option=$2
    shift 2
    # shellcheck disable=SC2086 # an option or nothing
    [ $# = 0 ] || deb-systemd-helper $option "$action" "$@" >/dev/null || true
}

# A purge takes what can be made again. Batches that nobody else has can not, nor can the receiver's
# log and the office's archive: those go only by an administrator's own hand.
purge() {
    if [ "$package" != lakzegel-agent ]; then
        [ ! -d "${DPKG_ROOT:-}$state" ] || say "everything in $state is kept: remove it yourself"
        return 0
    fi
    count=$(batches "$state")
    if [ "${LAKZEGEL_PURGE_UNSENT:-}" = yes ] || { [ "$count" = 0 ] && ! evidence "$state"; }; then
        rm -rf -- "${DPKG_ROOT:-}$state"
    else
        say "$count closed batches, the keys that send them and any evidence are kept in $state:" \
            "install the package again and they are sent, or remove that folder yourself"
        say "(purging with LAKZEGEL_PURGE_UNSENT=yes in the environment would have removed it)"
    fi
    rmdir -- "${DPKG_ROOT:-}/etc/lakzegel" 2>/dev/null || true
}

if runs_systemd; then
    systemctl --system daemon-reload >/dev/null || true
fi
if command -v deb-systemd-helper >/dev/null; then
    # shellcheck disable=SC2086 # lists of names
    case "$1" in
        remove)
            forget_units mask "" $units
            forget_units mask --user $user_units
            ;;
        purge)
            forget_units purge "" $units
            forget_units unmask "" $units
            forget_units purge --user $user_units
            forget_units unmask --user $user_units
            ;;
    esac
fi
if [ "$1" = remove ]; then
    forget_environment
fi
if [ "$1" = purge ]; then
    purge
fi
exit 0
