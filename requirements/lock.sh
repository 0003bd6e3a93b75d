#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Hashed lock files without addresses, one for each extra; --check only compares.
set -eu
BIN=${BIN:-.venv/bin}
check=${1:-}
status=0
lock() { # name, extra arguments
    name=$1
    shift
    target=requirements/$name.txt
    work=$(mktemp -d)
    [ -f "$target" ] && cp "$target" "$work/$name.txt"
    "$BIN/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate --output-file "$work/$name.txt" "$@"
    if [ "$check" = "--check" ]; then
        if ! cmp -s "$work/$name.txt" "$target"; then
            echo "$target is stale: run 'make lock'" >&2
            status=1
        fi
    else
        cp "$work/$name.txt" "$target"
    fi
    rm -rf "$work"
}
lock base pyproject.toml
lock agent --extra agent pyproject.toml
lock agent-signal --extra agent --extra agent-signal pyproject.toml
lock agent-pac --extra agent --extra agent-pac pyproject.toml
lock agent-all --extra agent --extra agent-signal --extra agent-pac pyproject.toml
lock server --extra server pyproject.toml
lock server-hsm --extra server --extra server-hsm pyproject.toml
lock server-postgresql --extra server --extra server-postgresql pyproject.toml
lock server-s3 --extra server --extra server-s3 pyproject.toml
lock office --extra office pyproject.toml
lock dev --extra agent --extra agent-signal --extra agent-pac --extra server --extra server-hsm --extra server-postgresql --extra server-s3 --extra office pyproject.toml requirements/dev.in
lock docs requirements/docs.in
exit $status
