#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Signs, packs, notarises and staples on a Mac, with Xcode's command line tools:
#
#     packaging/pkg/sign.sh APP OUT "Developer ID Application: …" "Developer ID Installer: …" PROFILE
#
# APP is the tree that `make package-macos` left, OUT a folder, PROFILE what `xcrun notarytool
# store-credentials` was told to keep the account's login under. LAKZEGEL_PYTHON is the interpreter
# that packs anew. Not run on a real device.
set -eu
if [ $# != 5 ]; then
    sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
app=$1 out=$2 application=$3 installer=$4 profile=$5
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/../frozen:$here/../linux"

sign() {
    codesign --force --timestamp --options runtime --sign "$application" "$@"
}

[ -x "$app/Contents/MacOS/lakzegel-agent" ] || {
    echo "sign: $app: no app; make package-macos first" >&2
    exit 2
}
xattr -cr "$app"
# inside out: libraries, the program without a right, the bundle with its own
find "$app/Contents" -type f \( -name '*.so' -o -name '*.dylib' \) -exec \
    codesign --force --timestamp --options runtime --sign "$application" {} +
sign --identifier nl.lakzegel.agent.worker --entitlements "$here/entitlements.plist" \
    "$app/Contents/MacOS/lakzegel-worker"
sign --identifier nl.lakzegel.agent --entitlements "$here/entitlements.plist" "$app"
codesign --verify --strict --deep --verbose=2 "$app"
codesign --display --requirements - "$app"

python=${LAKZEGEL_PYTHON:-$here/../../.venv/bin/python}
unsigned=$("$python" -m lakzegel_frozen repack --target macos-arm64 --tree "$app" --out "$out")
signed=${unsigned%.pkg}-signed.pkg
productsign --timestamp --sign "$installer" "$unsigned" "$signed"
xcrun notarytool submit "$signed" --keychain-profile "$profile" --wait
xcrun stapler staple "$signed"
xcrun stapler validate "$signed"
spctl --assess --verbose=2 --type install "$signed"
pkgutil --check-signature "$signed"
mv "$signed" "$unsigned"
echo "$unsigned"
