#!/bin/sh
# Let a libvirt judge domains; to be run in a room.
# usage: judging.sh ROOT WORK MODE    MODE: --validate, or empty for what libvirt does without
#   WORK   UUID.xml are the domains; UUID.kept, UUID.native and UUID.said become what came of them
set -eu
root=${1%/} work=$2 mode=$3

ask() {
    chroot "$root/" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
        virsh -q -c 'qemu:///embed?root=/mnt/embed' "$@"
}

for file in "$work"/*.xml; do
    id=$(basename "$file" .xml)
    said=$work/$id.said
    # shellcheck disable=SC2086  # no word where there is no mode
    if ask define "/mnt/$id.xml" $mode >/dev/null 2>"$said"; then
        ask "dumpxml $id --inactive" >"$work/$id.kept"
        ask "domxml-to-native qemu-argv --domain $id" >"$work/$id.native" 2>>"$said" || :
        ask "undefine $id --nvram" >/dev/null
    fi
done
