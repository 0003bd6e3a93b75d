#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Jamf Pro, extension attribute, data type Integer: days since the receiver last gave a receipt that the
# agent verified; 99999 where there is none, or no agent. Built on `status --json`
# (docs/spec/health.md, section 7). Not run in a real Jamf.
set -u
agent=${LAKZEGEL_AGENT:-/Library/Application Support/Lakzegel/Lakzegel Agent.app/Contents/MacOS/lakzegel-agent}
config=${LAKZEGEL_CONFIG:-/Library/Application Support/Lakzegel/agent.toml}

days=
if [ -x "$agent" ]; then
    # an inventory waits for nobody: perl ends what takes longer than a minute
    days=$(perl -e 'alarm 60; exec @ARGV' "$agent" status --config "$config" --json 2>/dev/null |
        sed -n '/^  "mdm": {$/,/^  }/s/^    "days_since_receipt": \([0-9]*\),\{0,1\}$/\1/p')
fi
printf '<result>%s</result>\n' "${days:-99999}"
