#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs the programs whose files the tests capture or whose settings they guard, a browser, a
# TPM and a PKCS#11 token in software, what units and packages are looked at with, Ansible, and
# PostgreSQL, where this machine lets us; a test whose program is absent says so and is skipped.
set -eu
wanted=""
command -v dovecot >/dev/null || wanted="$wanted dovecot-imapd"
command -v mbsync >/dev/null || wanted="$wanted isync"
command -v thunderbird >/dev/null || wanted="$wanted thunderbird"
command -v swtpm >/dev/null || wanted="$wanted swtpm"
command -v chromium >/dev/null || wanted="$wanted chromium"
command -v softhsm2-util >/dev/null || wanted="$wanted softhsm2"
command -v systemd-analyze >/dev/null || wanted="$wanted systemd"
command -v tpm2_unseal >/dev/null || wanted="$wanted tpm2-tools"
command -v rpm >/dev/null || wanted="$wanted rpm"
command -v debootstrap >/dev/null || wanted="$wanted debootstrap"
command -v debsig-verify >/dev/null || wanted="$wanted debsig-verify"
command -v ansible-playbook >/dev/null || wanted="$wanted ansible-core"
command -v apt-ftparchive >/dev/null || wanted="$wanted apt-utils"
command -v createrepo_c >/dev/null || wanted="$wanted createrepo-c"
command -v bsdtar >/dev/null || wanted="$wanted libarchive-tools"
command -v cpio >/dev/null || wanted="$wanted cpio"
command -v osslsigncode >/dev/null || wanted="$wanted osslsigncode"
command -v wixl >/dev/null || wanted="$wanted wixl"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || wanted="$wanted postgresql"
command -v msibuild >/dev/null || wanted="$wanted msitools"
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || wanted="$wanted nginx-light"
if [ -z "$wanted" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "programs: no$wanted, and no leave to install them"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if [ ! -e /etc/postgresql-common ]; then # the tests make clusters of their own: none for the machine
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
# shellcheck disable=SC2086 # a list of names
timeout 300 sh -c 'apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@"' \
    sh $wanted >/dev/null || echo "programs:$wanted could not be installed"
