#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Intune, custom compliance for Linux: one line of JSON that the rules of compliance.json judge. Built on
# `status --json` (docs/spec/health.md, section 7). The agent's home is the agent's alone: where this
# does not run as root, it needs the line for sudo that mdm-profiles/README.md has.
# Not run in a real Intune.
set -u
agent=${LAKZEGEL_AGENT:-/usr/bin/lakzegel-agent}
config=${LAKZEGEL_CONFIG:-/etc/lakzegel/agent.toml}

set --
[ "$(id -u)" -eq 0 ] || set -- sudo -n -u lakzegel-agent
why=not-installed mdm=
if [ -x "$agent" ]; then
    said=$(timeout 60 "$@" "$agent" status --config "$config" --json 2>/dev/null)
    code=$? why=no-answer
    [ "$code" -eq 2 ] && why=not-configured
    mdm=$(printf '%s\n' "$said" | sed -n '/^  "mdm": {$/,/^  }/s/^    //p' | tr -d '\n')
fi
none='"days_since_receipt": 99999,"enrolled": false,"problems": "","running": false'
printf '{%s}\n' "${mdm:-$none,\"state\": \"$why\",\"version\": \"0\"}"
