"""Write the programs of a simulated host: what only reads is shell, the rest comes back here."""

import sys
from pathlib import Path
from shlex import quote

from fleetpolicy.lab.evidence import LOG
from fleetpolicy.lab.hardware import Hardware
from fleetpolicy.lab.tree import Tree

_FOLDER = "/usr/sbin"
_HEAD = """\
#!/bin/sh
# Part of a simulated host, written by: fleetpolicy lab. It knows its host by its own place.
root=${0%/usr/sbin/*}
"""
_BACK = """\
python() {{
    [ -x {python} ] || {{
        echo "$0: {python} is gone; run: fleetpolicy lab up" >&2
        exit 127
    }}
    PYTHONPATH={package}
    export PYTHONPATH
    exec {python} -P -m fleetpolicy.lab "$root" "$@"
}}
"""
# Source: virsh(1). Only what fleetpolicy, testinfra and a curious operator ask for.
_VIRSH = """\
kept=$root/etc/libvirt/qemu
active=$root/run/libvirt/qemu

names() {{
    for file in "$1"/*.xml; do
        [ -f "$file" ] || continue
        file=${{file##*/}}
        echo "${{file%.xml}}"
    done
}}

find_domain() {{
    for name; do :; done
    case $name in
    */* | .* | '') file= ;;
    *) file=$kept/$name.xml ;;
    esac
    [ -f "$file" ] && return
    echo "error: failed to get domain '$name'" >&2
    exit 1
}}

verb=${{1-}}
[ $# -eq 0 ] || shift
case $verb in
version)
    echo 'Compiled against library: libvirt {libvirt}'
    echo 'Using library: libvirt {libvirt}'
    echo 'Using API: QEMU {libvirt}'
    echo 'Running hypervisor: QEMU {qemu}'
    ;;
list)
    case " $* " in
    *' --all '*) names "$kept" ;;
    *) names "$active" ;;
    esac
    echo
    ;;
dumpxml)
    find_domain "$@"
    exec cat "$file"
    ;;
domstate)
    find_domain "$@"
    if [ -f "$active/$name.xml" ]; then echo running; else echo 'shut off'; fi
    echo
    ;;
start)
    find_domain "$@"
    mkdir -p "$active" && cp "$file" "$active/$name.xml"
    ;;
shutdown | destroy)
    find_domain "$@"
    rm -f "$active/$name.xml"
    ;;
define | undefine) python "virsh-$verb" "$@" ;;
*)
    echo "error: unknown command: '$verb'" >&2
    exit 1
    ;;
esac
"""
# Source: modinfo(8), as far as the agent asks: -k RELEASE, then modules.
_MODINFO = """\
[ "${1-}" = -k ] && [ $# -gt 2 ] || { echo 'Usage: modinfo -k RELEASE MODULE...' >&2; exit 1; }
folder=$root/lib/modules/$2
shift 2

# As modinfo does: the name of a module that is built in comes before its file, others' after it.
show() {
    [ "$1" != '(builtin)' ] || echo "name:           $name"
    echo "filename:       $1"
    sed -n -e "s/^${2}sig_id=/sig_id:         /p" \
        -e "s/^${2}parmtype=\\([^:]*\\):\\(.*\\)/parm:           \\1: (\\2)/p"
    [ "$1" = '(builtin)' ] || echo "name:           $name"
}

for name; do
    spelt=$(echo "$name" | sed 's/[_-]/[_-]/g')
    path=$(sed -n "s,^\\(\\(.*/\\)*$spelt\\.ko\\):.*,\\1,p" "$folder/modules.dep")
    if [ "$path" ]; then
        tr '\\0' '\\n' <"$folder/$path" | show "$folder/$path" ''
    elif grep -q "/$spelt\\.ko" "$folder/modules.builtin"; then
        tr '\\0' '\\n' <"$folder/modules.builtin.modinfo" | show '(builtin)' "$spelt\\."
    else
        echo "modinfo: ERROR: Module $name not found." >&2
        exit 1
    fi
done
"""


def install_programs(tree: Tree, hardware: Hardware) -> None:
    """Write the programs of a host, where they are not there as they should be."""
    for name, text in _programs(hardware).items():
        if tree.text(f"{_FOLDER}/{name}") != text:
            tree.write(f"{_FOLDER}/{name}", text, 0o755)


def _programs(hardware: Hardware) -> dict[str, str]:
    package = str(Path(__file__).resolve().parents[2])
    back = _HEAD + _BACK.format(python=quote(sys.executable), package=quote(package))
    names = ["reboot"]
    names += ["update-grub"] if hardware.loader == "grub" else []
    names += ["bootc", "rpm-ostree"] if hardware.loader == "ostree" else []
    if hardware.initramfs == "initramfs-tools":
        names += ["mkinitramfs", "update-initramfs"]
    names += ["dracut"] if hardware.initramfs == "dracut" else []
    programs = {name: f'{back}python {name} "$@"\n' for name in names}
    programs["dmesg"] = f'{_HEAD}exec cat "$root{LOG}"\n'
    programs["modinfo"] = _HEAD + _MODINFO
    if hardware.versions:
        libvirt, qemu = hardware.versions
        programs["virsh"] = back + _VIRSH.format(libvirt=libvirt, qemu=qemu)
    return programs
