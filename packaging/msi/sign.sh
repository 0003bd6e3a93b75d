#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Signs with Authenticode on any system, by osslsigncode: first what runs, then the package of it.
#
#     packaging/msi/sign.sh TREE OUT CERTIFICATES KEY [TIMESTAMP-URL [MORE…]]
#
# TREE is what `make package-windows` left, OUT a folder; CERTIFICATES a PEM file, ours first. For a
# key in a token KEY is its PKCS#11 URI, and MORE says which module:
# -pkcs11engine FILE -pkcs11module FILE. What its maker signed keeps that signature.
set -eu
if [ $# -lt 4 ]; then
    sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
tree=$1 out=$2 certificates=$3 key=$4 stamp=${5:-}
[ $# -gt 4 ] && shift 5 || shift 4
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/../frozen:$here/../linux"

sign() { # file, more options
    file=$1
    shift
    osslsigncode sign "$@" -certs "$certificates" -key "$key" -h sha256 -n 'Lakzegel Agent' \
        ${stamp:+-ts "$stamp"} -in "$file" -out "$file.signed" >/dev/null
    mv "$file.signed" "$file"
}

is_signed() { # a signature of whomever; whether it is good is Windows' to say
    ! osslsigncode verify -in "$1" 2>&1 | grep -q 'No signature found'
}

[ -f "$tree/lakzegel-agent.exe" ] || {
    echo "sign: $tree: no tree; make package-windows first" >&2
    exit 2
}
for file in "$tree/lakzegel-agent.exe" "$tree/lakzegel-worker.exe"; do
    sign "$file" "$@"
done
find "$tree" -type f \( -name '*.dll' -o -name '*.pyd' \) | sort | while IFS= read -r file; do
    is_signed "$file" || sign "$file" "$@"
done
python=${LAKZEGEL_PYTHON:-$here/../../.venv/bin/python}
package=$("$python" -m lakzegel_frozen repack --target windows-x86_64 --tree "$tree" --out "$out")
sign "$package" "$@"
echo "$package"
