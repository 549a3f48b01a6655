"""Make a disk that EFI boots from a tree, without root, loop devices or mounts."""

from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.emulate.grub import finder
from fleetpolicy.emulate.programs import Programs, program_failed

_MIB = 1 << 20
_ESP_MIB = 64
_ROOT_AT_MIB = 1 + _ESP_MIB
_TAIL_MIB = 1
ROOT_UUID = "8f5e2c1a-1111-4222-8333-0123456789ab"
"""Of the root file system; each host has a disk of its own, so they may be alike."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes on a disk.

    Args:
        tree: The archive of the root file system.
        efi_program: The file that the firmware starts.
        size_mib: Of the disk as a whole; what is not written takes no room.
    """

    tree: Path
    efi_program: Path
    size_mib: int


def make_disk(programs: Programs, contents: Contents, disk: Path) -> None:
    """Write a disk with an EFI system partition and a root.

    Raises:
        FleetPolicyError: A program failed, for want of room for instance.
    """
    with disk.open("wb") as file:
        file.truncate(contents.size_mib * _MIB)
    _partition(programs, disk)
    esp = disk.with_name(f"{disk.name}.esp")
    _make_esp(programs, contents, esp)
    _copy_in(esp, disk)
    esp.unlink()
    size_mib = contents.size_mib - _ROOT_AT_MIB - _TAIL_MIB
    features = f"offset={_ROOT_AT_MIB * _MIB},lazy_itable_init=1,nodiscard"
    programs.run(
        "mke2fs",
        *("-q", "-F", "-t", "ext4", "-L", "labroot", "-U", ROOT_UUID, "-O", "^metadata_csum_seed"),
        *("-E", features, "-d", str(contents.tree), str(disk), f"{size_mib}M"),
    )


def write_files(programs: Programs, disk: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Write files into the root file system of a disk that no machine has in use.

    Args:
        programs: What disks are made with.
        disk: Raw, as make_disk wrote it.
        files: Content and permission bits by absolute path; their folders are there, and they
            are not.

    Raises:
        FleetPolicyError: The disk has no such file system.
    """
    lines = []
    for number, (path, (content, mode)) in enumerate(sorted(files.items())):
        staged = disk.with_name(f"{disk.name}.{number}")
        staged.touch(mode=0o600)
        staged.write_bytes(content)
        lines.append(f'write "{staged}" {path}')
        lines += [f"sif {path} mode 0{0o100000 | mode:o}", f"sif {path} uid 0", f"sif {path} gid 0"]
    place = f"{disk}?offset={_ROOT_AT_MIB * _MIB}"
    said = programs.run("debugfs", "-w", "-f", "-", place, text="\n".join([*lines, ""]))
    for number in range(len(files)):
        disk.with_name(f"{disk.name}.{number}").unlink()
    # debugfs ends well whatever happened.
    if said.count("Allocated inode:") < len(files):
        raise program_failed("debugfs", " ".join(said.splitlines()[-3:]))


def _partition(programs: Programs, disk: Path) -> None:
    table = f"label: gpt\nstart=1MiB,size={_ESP_MIB}MiB,type=U\nstart={_ROOT_AT_MIB}MiB,type=L\n"
    programs.run("sfdisk", "-q", str(disk), text=table)


def _make_esp(programs: Programs, contents: Contents, esp: Path) -> None:
    with esp.open("wb") as file:
        file.truncate(_ESP_MIB * _MIB)
    programs.run("mkfs.vfat", "-i", "A1B2C3D4", "-n", "LABESP", str(esp))
    programs.run("mmd", "-i", str(esp), "::EFI", "::EFI/BOOT", "::EFI/debian")
    programs.run("mcopy", "-i", str(esp), str(contents.efi_program), "::EFI/BOOT/BOOTAA64.EFI")
    leader = esp.with_name(f"{esp.name}.cfg")
    leader.write_bytes(finder(ROOT_UUID))
    for folder in ("BOOT", "debian"):
        programs.run("mcopy", "-i", str(esp), str(leader), f"::EFI/{folder}/grub.cfg")
    leader.unlink()


def _copy_in(esp: Path, disk: Path) -> None:
    with esp.open("rb") as source, disk.open("r+b") as target:
        target.seek(_MIB)
        while block := source.read(_MIB):
            if any(block):
                target.write(block)
            else:
                target.seek(len(block), 1)
