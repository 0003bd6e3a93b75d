#!/bin/bash
# SPDX-License-Identifier: EUPL-1.2
# systemd as process 1 of a PID namespace, on a copy of this machine's root that is gone afterwards.
#
#   unshare --mount --pid --uts --ipc --net --fork --kill-child boot.sh SCRATCH CHECKOUT SITE
#
# CHECKOUT has the rooms, SITE the packages that they need. SCRATCH/files is laid over the root;
# SCRATCH/outside/notify is told when the start is over.
set -eu
scratch=$1 checkout=$2 site=$3
root=$scratch/root

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$scratch/disk"
mkdir "$scratch/disk/changed" "$scratch/disk/work"
cp -a "$scratch/files/." "$scratch/disk/changed/"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/disk/changed,workdir=$scratch/disk/work" \
    overlay "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do
    mount -t tmpfs -o mode=0755 tmpfs "$root/$folder"
done
chmod 1777 "$root/tmp"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mknod --mode=0600 "$root/dev/tpmrm0" c 1 3 # stands for a TPM, and is nothing
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

mkdir -p "$root/usr/lib/lakzegel/rooms" "$root/usr/lib/lakzegel/site"
mount --bind "$site" "$root/usr/lib/lakzegel/site"
mount --bind "$checkout" "$root/usr/lib/lakzegel/rooms"
mkdir "$root/run/outside"
mount --bind "$scratch/outside" "$root/run/outside"

hostname lakzegel-test
ip link set lo up || echo "no iproute2: no network"
# not chroot: who is in one may make no namespace of users
cd "$root"
mkdir run/before
pivot_root . run/before
umount --lazy /run/before
mount --make-rshared /
exec env -i container=lakzegel-test NOTIFY_SOCKET=/run/outside/notify \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=lakzegel-test.target --log-target=journal --show-status=no
