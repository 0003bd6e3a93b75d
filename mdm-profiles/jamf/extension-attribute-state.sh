#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Jamf Pro, extension attribute, data type String: how the agent fares, in one word, with the codes of
# its problems behind it. Built on `status --json` (docs/spec/health.md, section 7).
# Not run in a real Jamf.
set -u
agent=${LAKZEGEL_AGENT:-/Library/Application Support/Lakzegel/Lakzegel Agent.app/Contents/MacOS/lakzegel-agent}
config=${LAKZEGEL_CONFIG:-/Library/Application Support/Lakzegel/agent.toml}

field() {
    printf '%s\n' "$mdm" | sed -n "s/^    \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"
}

if [ ! -x "$agent" ]; then
    state=not-installed problems=
else
    # an inventory waits for nobody: perl ends what takes longer than a minute
    said=$(perl -e 'alarm 60; exec @ARGV' "$agent" status --config "$config" --json 2>/dev/null)
    code=$?
    mdm=$(printf '%s\n' "$said" | sed -n '/^  "mdm": {$/,/^  }/p')
    state=$(field state) problems=$(field problems)
    if [ -z "$state" ]; then
        state=no-answer
        [ "$code" -eq 2 ] && state=not-configured
    fi
fi
printf '<result>%s%s</result>\n' "$state" "${problems:+: $problems}"
