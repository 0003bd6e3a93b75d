#!/bin/bash
# SPDX-License-Identifier: EUPL-1.2
# systemd as process 1 of a PID namespace, on a root of its own; what changes there is gone afterwards.
#
#   unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child boot.sh SCRATCH BASE
#
# BASE is a clean system, read only; SCRATCH/files is laid over it, SCRATCH/shared is /srv/shared there.
set -eu
scratch=$1 base=$2
root=$scratch/root

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$scratch/disk"
mkdir "$scratch/disk/changed" "$scratch/disk/work"
cp -a "$scratch/files/." "$scratch/disk/changed/"
mount -t overlay -o "lowerdir=$base,upperdir=$scratch/disk/changed,workdir=$scratch/disk/work" \
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
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/srv/shared"
mount --bind "$scratch/shared" "$root/srv/shared"

hostname clean
ip link set lo up
cd "$root"
mkdir run/before
pivot_root . run/before
umount --lazy /run/before
mount --make-rshared /
exec env -i container=lakzegel-test NOTIFY_SOCKET=/srv/shared/notify \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
