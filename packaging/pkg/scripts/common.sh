# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh
# What the scripts share. Written for /bin/sh of macOS; not run on a real device.

agent=nl.lakzegel.agent
helper=nl.lakzegel.agent.user
place=${LAKZEGEL_PLACE:-/Library/Application Support/Lakzegel}

say() {
    echo "Lakzegel Agent: $*"
}

# The number of each user who has a session on a screen.
sessions() {
    ps -axo uid=,comm= | sed -n 's|^ *\([0-9][0-9]*\) .*/loginwindow$|\1|p' | grep -vx 0 | sort -u
}

# End the agent and each helper; what they had not finished they do again.
stop_all() {
    launchctl bootout "system/$agent" 2>/dev/null || true
    for number in $(sessions); do
        launchctl bootout "gui/$number/$helper" 2>/dev/null || true
    done
}

# Start what is installed; whatever does not start now is started at the next boot or sign-in.
start_all() {
    launchctl enable "system/$agent" 2>/dev/null || true
    launchctl bootstrap system "/Library/LaunchDaemons/$agent.plist" ||
        say "the service did not start; it starts with the device"
    for number in $(sessions); do
        launchctl bootstrap "gui/$number" "/Library/LaunchAgents/$helper.plist" ||
            say "the helper of user $number did not start; it starts at the next sign-in"
    done
}

# Remove from the app what the package has not put there; `files` beside this script lists that.
tidy() {
    files=$PWD/files
    (
        cd "$place/Lakzegel Agent.app"
        find . -type f | LC_ALL=C grep -vxF -f "$files" | while IFS= read -r name; do
            rm -f -- "$name"
        done
        find . -type d -empty -delete
    ) || say "something that an older version left could not be removed"
}
