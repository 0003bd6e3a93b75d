# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154 # package, state, units … are said before this
# What the scripts of every package share. DPKG_ROOT is set where dpkg works in another root.

settings=${DPKG_ROOT:-}/etc/lakzegel/agent.toml

say() {
    echo "$package: $*" >&2
}

runs_systemd() {
    [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]
}

# Where this product keeps its state: the package's own place, and where the settings have another.
homes() {
    echo "$state"
    [ "$package" = lakzegel-agent ] && [ -f "$settings" ] || return 0
    sed -n 's/^[[:space:]]*home[[:space:]]*=[[:space:]]*["'\'']\(\/[^"'\'']*\)["'\''].*/\1/p' \
        "$settings" | head -n 1 | grep -vxF "$state" || true
}

# How many closed batches lie below a folder, in spools or set aside; a head is there for each.
batches() {
    find "${DPKG_ROOT:-}$1" -type f \( -path '*/spool/*.head' -o -path '*/given-up/*.head' \) \
        -printf x 2>/dev/null | wc -c
}

# Whether a folder holds checkpoints that contradict each other: proof that nobody else may have.
evidence() {
    find "${DPKG_ROOT:-}$1" -type f -path '*/evidence/*' -print 2>/dev/null | grep -q .
}

# Users and folders, before anything starts.
prepare() {
    # a package built before systemd/ had them for this product has none
    if [ -f "${DPKG_ROOT:-}/usr/lib/sysusers.d/$package.conf" ]; then
        systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} "$package.conf"
    fi
    [ -f "${DPKG_ROOT:-}/usr/lib/tmpfiles.d/$package.conf" ] || return 0
    systemd-tmpfiles ${DPKG_ROOT:+--root="$DPKG_ROOT"} --create "$package.conf" || true
}

# What stays behind when the package goes, said in one line for each place that has something.
tell_what_stays() {
    homes | while IFS= read -r home; do
        [ -d "${DPKG_ROOT:-}$home" ] || continue
        if [ "$package" != lakzegel-agent ]; then
            say "everything in $home is kept"
            continue
        fi
        count=$(batches "$home")
        if [ "$count" -gt 0 ]; then
            say "$count closed batches are kept in $home: not sent, or not yet known to be held by" \
                "the records office; install the package again and they are sent"
        else
            say "keys and ledger are kept in $home; no batch waits there"
        fi
    done
}
