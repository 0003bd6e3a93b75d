#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs what deliveries are compared with in the long tests: E-ARK's own validator and siegfried.
# Apart from the virtual environment, for the first pins older releases of what Lakzegel uses; by
# hash; nothing here is needed to run Lakzegel, and a test that finds it absent says so.
set -eu
cd "$(dirname "$0")/../.."
venv=${VENV:-.venv}
target=$venv/oracles/archives
if ! cmp -s tests/oracles/archives.txt "$target/archives.txt"; then
    rm -rf "$target"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --require-hashes --target "$target" -r tests/oracles/archives.txt
    cp tests/oracles/archives.txt "$target/archives.txt"
fi
