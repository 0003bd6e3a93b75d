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

# How many closed batches lie below a folder, in spools or set aside; a head is there for each. The
# folder may be a link to another disk.
batches() {
    find "${DPKG_ROOT:-}$1/" -type f \( -path '*/spool/*.head' -o -path '*/given-up/*.head' \) \
        -printf x 2>/dev/null | wc -c
}

# Whether a folder holds checkpoints that contradict each other: proof that nobody else may have.
evidence() {
    find "${DPKG_ROOT:-}$1/" -type f -path '*/evidence/*' -print 2>/dev/null | grep -q .
}

# The environment that is there becomes the road back, where it is proven on this device: the same
# files by other names, so that what the new package has too takes no room (docs/spec/updates.md §4).
keep_environment() {
    kept=${DPKG_ROOT:-}/usr/lib/$package proven=${DPKG_ROOT:-}$state/version/proven
    [ "$package" = lakzegel-agent ] && [ -f "$kept/VERSION" ] || return 0
    [ -f "$proven" ] && [ ! -L "$proven" ] || return 0
    [ "$(head -c 64 "$kept/VERSION")" = "$(head -c 64 "$proven")" ] || return 0
    rm -rf -- "$kept.previous.part"
    if cp -al -- "$kept" "$kept.previous.part" 2>/dev/null; then
        rm -rf -- "$kept.previous"
        mv -- "$kept.previous.part" "$kept.previous"
    else
        rm -rf -- "$kept.previous.part"
        say "no room for the version before this one beside it: there is no road back by itself"
    fi
}

# Nothing of the package is left, nor of the one before it.
forget_environment() {
    [ "$package" != lakzegel-agent ] ||
        rm -rf -- "${DPKG_ROOT:-}/usr/lib/$package.previous" \
            "${DPKG_ROOT:-}/usr/lib/$package.previous.part"
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
