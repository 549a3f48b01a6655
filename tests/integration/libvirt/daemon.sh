#!/bin/sh
# Run a stack's libvirtd on the hardware of a simulated host; to be run in a room.
# usage: daemon.sh ROOT WORK HOST RELEASE
#   HOST     a simulated host's folder, whose /sys and modules of RELEASE are copied
#   WORK     DEVICE.xml becomes what libvirt knows of each PCI function, and DEVICE.override the
#            driver that it would give a guest's device to
set -eu
root=${1%/} work=$2 host=$3 release=$4
sys=$root/sys

mount -t tmpfs tmpfs "$sys"
cp -a "$host/sys/." "$sys/"
mkdir -p "$sys/devices/system/cpu" "$sys/devices/system/node/node0"
mount -t tmpfs tmpfs "$root/lib/modules"
mkdir "$root/lib/modules/$(uname -r)"
cp "$host/lib/modules/$release/modules.alias" "$root/lib/modules/$(uname -r)/"

# A folder has no kernel behind it: drivers take what is written to them, and uevents are written.
for driver in vfio-pci $(sed -n 's/^alias vfio_pci:[^ ]* //p' "$host/lib/modules/$release/modules.alias"); do
    mkdir -p "$sys/bus/pci/drivers/$driver"
done
for driver in "$sys"/bus/pci/drivers/*; do
    touch "$driver/bind" "$driver/unbind" "$driver/new_id" "$driver/remove_id"
done
touch "$sys/bus/pci/drivers_probe"
for device in "$sys"/bus/pci/devices/*; do
    printf 'PCI_CLASS=%s\nPCI_ID=%s:%s\nPCI_SUBSYS_ID=0:0\nPCI_SLOT_NAME=%s\nMODALIAS=%s\n' \
        "$(sed 's/^0x0*//' "$device/class")" "$(sed 's/^0x//' "$device/vendor")" \
        "$(sed 's/^0x//' "$device/device")" "$(basename "$device")" "$(cat "$device/modalias")" \
        >"$device/uevent"
done

for folder in lib/libvirt cache/libvirt log/libvirt; do
    mkdir -p "$root/var/$folder"
    mount -t tmpfs tmpfs "$root/var/$folder"
done

inside() {
    chroot "$root/" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        SYSTEMD_DEVICE_VERIFY_SYSFS=0 "$@"
}

ask() { inside virsh -q -c qemu:///system "$@"; }

inside libvirtd -t 0 >"$work/libvirtd.log" 2>&1 &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || :' EXIT
tries=0
until [ -S "$root/run/libvirt/libvirt-sock" ] || [ $tries = 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done

for device in $(ask nodedev-list --cap pci); do
    ask nodedev-dumpxml "$device" >"$work/$device.xml"
    address=$(echo "$device" | sed 's/^pci_\(.*\)_\(.*\)_\(.*\)_\(.*\)$/\1:\2:\3.\4/')
    : >"$sys/bus/pci/devices/$address/driver_override"
    ask nodedev-detach "$device" >>"$work/libvirtd.log" 2>&1 || :
    cp "$sys/bus/pci/devices/$address/driver_override" "$work/$device.override"
done
