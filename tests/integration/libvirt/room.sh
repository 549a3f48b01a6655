#!/bin/sh
# Run a command where libvirt's QEMU driver finds VFIO, an IOMMU group, huge pages and a bridge, in
# namespaces of its own: the machine's network, devices and files stay as they are. To be run by
# unshare --mount --net --pid --fork --mount-proc, as root.
# usage: room.sh ROOT WORK COMMAND...
#   ROOT   / or a folder with an unpacked system, in which /mnt becomes WORK
set -eu
root=${1%/} work=$2
shift 2

mount --make-rprivate /
if [ "$root" ]; then
    mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs tmpfs "$root/tmp"
fi
mount -t tmpfs tmpfs "$root/run"
mount --bind "$work" "$root/mnt"

# An IOMMU group and VFIO: without them libvirt says that the host has no assignment of devices.
mount -t tmpfs tmpfs "$root/sys/kernel/iommu_groups"
mkdir -p "$root/sys/kernel/iommu_groups/0/devices"
mount -t tmpfs tmpfs "$root/dev"
cd "$root/dev"
mkdir vfio net shm pts hugepages-2M hugepages-1G
: >vfio/vfio
: >iommu
mknod null c 1 3
mknod zero c 1 5
mknod random c 1 8
mknod urandom c 1 9
mknod net/tun c 10 200
chmod 666 null zero random urandom
for size in 2M 1G; do
    mount -t hugetlbfs -o "pagesize=$size" hugetlbfs "hugepages-$size"
done
cd /
ip link add br0 type bridge

# The driver looks for the user that it would start QEMU as.
printf 'root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/bin/false\n' >"$work/passwd"
printf 'root:x:0:\nlibvirt-qemu:x:64055:\n' >"$work/group"
mount --bind "$work/passwd" "$root/etc/passwd"
mount --bind "$work/group" "$root/etc/group"

# Not by exec: this shell reaps the orphans of the namespace, which libvirt waits for to be gone.
"$@"
