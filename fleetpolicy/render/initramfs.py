"""Render what brings our rules, options and drivers into the initramfs."""

from dataclasses import replace

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import Assignment, HostClass
from fleetpolicy.render import binding, modprobe
from fleetpolicy.render.site import HEADER

DRACUT = "/etc/dracut.conf.d/fleetpolicy.conf"
INITRAMFS_TOOLS = "/etc/initramfs-tools/hooks/fleetpolicy"
_HOOK = """\
#!/bin/sh
{header}case ${{1-}} in
prereqs) exit 0 ;;
esac
. /usr/share/initramfs-tools/hook-functions
manual_add_modules {modules}
"""


def render_initramfs(host_class: HostClass) -> Artifact | None:
    """Return the drop-in of the host's generator, None where it brings everything by itself.

    dracut copies neither rules nor options into an image that is not host-only, so that a native
    driver of the image would take the devices. initramfs-tools copies both, and follows the
    softdep of a native driver that it takes in; one that is built in has no softdep, so the VFIO
    driver has to be asked for. Where the image that the host boots brings its initramfs, the
    drop-in is for the dracut that makes it there.

    Source:
        dracut 059 and 106, modules.d/95udev-rules/module-setup.sh and
        modules.d/90kernel-modules/module-setup.sh; dracut.conf(5): add_drivers, install_items.
        initramfs-tools 0.142 and 0.148, mkinitramfs (hooks of /etc/initramfs-tools/hooks), and
        hook-functions, manual_add_modules(); udev's hook of initramfs-tools.
        bootc, docs/src/initramfs.md.
    """
    match host_class.facts.boot.initramfs:
        case "dracut" if host_class.assignments:
            return _dracut(host_class, ArtifactKind.INITRAMFS)
        case "image" if host_class.assignments:
            return _dracut(host_class, ArtifactKind.IMAGE)
        case "initramfs-tools":
            held = tuple(item for item in host_class.assignments if item.device.native_built_in)
            return _hook(host_class, held)
        case _:
            return None


def _dracut(host_class: HostClass, kind: ArtifactKind) -> Artifact:
    modules = _loadable(host_class, host_class.assignments)
    files = [binding.PATH]
    if modprobe.render_modprobe(host_class):
        files.insert(0, modprobe.PATH)
    # With underscores: dracut itself replaces the first dash alone.
    drivers = f'add_drivers+=" {" ".join(modules)} "\n' if modules else ""
    text = f'{HEADER}{drivers}install_items+=" {" ".join(files)} "\n'
    return _artifact(Artifact(DRACUT, kind, text, 0o644, ()), host_class.assignments)


def _hook(host_class: HostClass, held: tuple[Assignment, ...]) -> Artifact | None:
    modules = _loadable(host_class, held)
    if not modules:
        return None
    text = _HOOK.format(header=HEADER, modules=" ".join(modules))
    return _artifact(Artifact(INITRAMFS_TOOLS, ArtifactKind.INITRAMFS, text, 0o755, ()), held)


def _loadable(host_class: HostClass, assignments: tuple[Assignment, ...]) -> list[str]:
    wanted = {item.driver.module for item in assignments}
    return sorted(name for name in wanted if host_class.facts.modules.get(name) != "builtin")


def _artifact(artifact: Artifact, assignments: tuple[Assignment, ...]) -> Artifact:
    origins = tuple(sorted({item.driver_origin for item in assignments}))
    return replace(artifact, origins=origins)
