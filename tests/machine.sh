#!/bin/bash
# SPDX-License-Identifier: EUPL-1.2
# systemd as process 1 of a PID namespace, on a root of its own; what changes there is gone afterwards.
#
#   unshare --mount --pid --cgroup --uts --ipc --net --fork --kill-child \
#       machine.sh SCRATCH LOWER OUTSIDE UNIT [FOLDER=PLACE]...
#
# LOWER is a system, read only; SCRATCH/files is laid over it. SCRATCH/outside is OUTSIDE there, with
# the socket that is told when UNIT is reached, and each FOLDER is at its PLACE. A device that
# MACHINE_DEVICES names stands for a real one, and is nothing.
set -eu
scratch=$1 lower=$2 outside=$3 unit=$4
shift 4
root=$scratch/root

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$scratch/disk"
mkdir "$scratch/disk/changed" "$scratch/disk/work"
cp -a "$scratch/files/." "$scratch/disk/changed/"
mount -t overlay -o "lowerdir=$lower,upperdir=$scratch/disk/changed,workdir=$scratch/disk/work" \
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
for device in ${MACHINE_DEVICES:-}; do
    mknod --mode=0600 "$root/dev/$device" c 1 3
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

for bound in "$scratch/outside=$outside" "$@"; do
    mkdir -p "$root/${bound#*=}"
    mount --bind "${bound%%=*}" "$root/${bound#*=}"
done

hostname lakzegel-test
ip link set lo up || echo "no iproute2: no network"
# not chroot: who is in one may make no namespace of users
cd "$root"
mkdir run/before
pivot_root . run/before
umount --lazy /run/before
mount --make-rshared /
exec env -i container=lakzegel-test "NOTIFY_SOCKET=$outside/notify" \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system "--unit=$unit" --log-target=journal --show-status=no
