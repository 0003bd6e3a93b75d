# SPDX-License-Identifier: EUPL-1.2
# shellcheck shell=sh disable=SC2154

if [ "$1" = upgrade ]; then
    keep_environment
fi
exit 0
