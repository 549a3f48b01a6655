"""Find out from a host's boot loader which kernel boots next, and with which command line."""

import re
import shlex
from dataclasses import dataclass, field

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.lab.entries import ENTRIES, choose_entry, install_entries, next_entry
from fleetpolicy.lab.grub import (
    CONFIG,
    install_grub,
    read_environment,
    save_default,
    update_grub,
    write_environment,
)
from fleetpolicy.lab.hardware import Hardware
from fleetpolicy.lab.ostree import choose_deployment, install_deployments, next_deployment
from fleetpolicy.lab.rules import NO_BOOT
from fleetpolicy.lab.system import root_uuid
from fleetpolicy.lab.tree import Tree

_DEFAULT = "/loader/loader.conf"
_ENTRIES = "/loader/entries"
_BY_ENTRIES = ("grub-bls", "systemd-boot")


@dataclass(slots=True)
class Entry:
    """An entry of a boot menu, or a submenu.

    Args:
        words: Of its line `linux`: the kernel's path, then the command line.
    """

    names: frozenset[str] = frozenset()
    entries: list["Entry"] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    initrd: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a boot loader starts.

    Args:
        initrd: Path of the initramfs, empty without one.
        command_line: As the kernel shows it.
    """

    release: str
    initrd: str
    command_line: str


def install_loader(tree: Tree, hardware: Hardware, release: str) -> None:
    """Write the boot loader's files and have it boot a kernel."""
    if hardware.loader == "grub":
        install_grub(tree, hardware)
        update_grub(tree)
    elif hardware.loader in _BY_ENTRIES:
        install_entries(tree, hardware)
    elif hardware.loader == "ostree":
        install_deployments(tree, hardware)
    else:
        # Source: UAPI group, Boot Loader Specification, type 1 entries.
        words = " ".join(hardware.command_line)
        options = f"root=UUID={root_uuid(hardware.name)} {words}"
        for name in hardware.kernels:
            image = f"initrd /boot/initrd.img-{name}\n" if hardware.initramfs != "none" else ""
            entry = f"linux /boot/vmlinuz-{name}\n{image}options {options}\n"
            tree.write(f"{_ENTRIES}/{name}.conf", entry)
    choose_kernel(tree, hardware, release)


def choose_kernel(tree: Tree, hardware: Hardware, release: str) -> None:
    """Have the boot loader boot a kernel from now on."""
    if hardware.loader == "grub":
        save_default(tree, hardware, release)
    elif hardware.loader in _BY_ENTRIES:
        choose_entry(tree, hardware, release)
    elif hardware.loader == "ostree":
        choose_deployment(tree, release)
    else:
        tree.write(_DEFAULT, f"default {release}.conf\n")


def next_choice(tree: Tree, hardware: Hardware, *, starts: bool = False) -> Choice:
    """Return what boots next.

    Args:
        tree: The host.
        hardware: Says which boot loader it has.
        starts: It boots now: an entry that was chosen for one boot is used up.

    Raises:
        FleetPolicyError: Nothing in the boot loader's configuration boots.
    """
    if hardware.loader in (*_BY_ENTRIES, "ostree"):
        is_deployed = hardware.loader == "ostree"
        listed = next_deployment(tree) if is_deployed else next_entry(tree, hardware, starts=starts)
        if listed is None:
            raise no_boot(tree, f"{ENTRIES} has no entry that the boot loader is to start")
        return Choice(listed.release, listed.initrd, listed.command_line)
    if hardware.loader != "grub":
        return _listed_choice(tree)
    config = tree.text(CONFIG)
    if config is None:
        raise no_boot(tree, f"{CONFIG} is gone")
    environment = read_environment(tree)
    once = environment.pop("next_entry", "")
    try:
        entry = _find(_read_menu(config), _default(config, environment, once))
    except ValueError as error:
        raise no_boot(tree, f"{CONFIG} has a line that GRUB cannot read: {error}") from error
    if starts and once:
        write_environment(tree, environment)
    if entry is None:
        raise no_boot(tree, f"{CONFIG} has no entry that starts a kernel")
    return _choice(entry, "BOOT_IMAGE=")


def no_boot(tree: Tree, why: str) -> FleetPolicyError:
    """Return the error that a host does not come up."""
    fix = f"repair the files below {tree.root}, or build it anew: fleetpolicy lab reset"
    return FleetPolicyError(NO_BOOT.at(Span(str(tree.root)), why=why, fix=fix))


def _listed_choice(tree: Tree) -> Choice:
    name = (tree.text(_DEFAULT) or "").removeprefix("default ").strip()
    lines = (tree.text(f"{_ENTRIES}/{name}") or "").splitlines()
    keys = dict(line.split(maxsplit=1) for line in lines if len(line.split()) > 1)
    if "linux" not in keys:
        raise no_boot(tree, f"{_ENTRIES}/{name} starts no kernel")
    words = [keys["linux"], *keys.get("options", "").split()]
    return _choice(Entry(words=words, initrd=keys.get("initrd", "")), "")


def _choice(entry: Entry, prefix: str) -> Choice:
    kernel, *words = entry.words
    quoted = [f'"{word}"' if " " in word else word for word in words]
    shown = [f"{prefix}{kernel}", *quoted] if prefix else quoted
    release = kernel.rpartition("/")[2].removeprefix("vmlinuz-")
    return Choice(release, entry.initrd, " ".join(shown))


def _default(config: str, environment: dict[str, str], once: str) -> str:
    if once and "${next_entry}" in config:
        return once
    settings = re.findall(r'^\s*set default="?([^"\n]*)"?\s*$', config, re.MULTILINE)
    settings = [setting for setting in settings if setting != "${next_entry}"]
    chosen = settings[-1] if settings else "0"
    return environment.get("saved_entry", "0") if chosen == "${saved_entry}" else chosen


def _read_menu(config: str) -> Entry:
    top = Entry()
    stack = [top]
    for line in config.splitlines():
        words = line.split()
        if words[:1] in (["menuentry"], ["submenu"]) and words[-1] == "{":
            entry = Entry(frozenset(re.findall(r"'([^']*)'", line)))
            stack[-1].entries.append(entry)
            stack.append(entry)
        elif words == ["}"] and len(stack) > 1:
            stack.pop()
        elif words[:1] == ["linux"]:
            stack[-1].words = shlex.split(line)[1:]
        elif words[:1] == ["initrd"]:
            stack[-1].initrd = words[-1]
    return top


def _find(menu: Entry, default: str) -> Entry | None:
    """Return the entry that a default means, else the first one that starts a kernel.

    Source:
        GNU GRUB manual, `default`: a number counts from 0, > goes into a submenu; an entry that
        is not there leaves the first one.
    """
    chosen: Entry | None = menu
    for step in default.split(">"):
        chosen = _step(chosen, step) if chosen else None
    found = chosen or menu
    while not found.words and found.entries:
        found = found.entries[0]
    return found if found.words else None


def _step(menu: Entry, step: str) -> Entry | None:
    if step.isdigit():
        return menu.entries[int(step)] if int(step) < len(menu.entries) else None
    return next((entry for entry in menu.entries if step in entry.names), None)
