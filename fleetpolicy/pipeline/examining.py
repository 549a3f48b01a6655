"""Examine this machine: what the commands need, and where they find their files."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from fleetpolicy.admit.schemas import find_schemas
from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import Places, Settings, find_places, load_inventory, load_settings
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.pipeline.loading import load_hosts, look
from fleetpolicy.pipeline.request import Request

OK, MISSING, OPTIONAL = "ok", "missing", "optional"
_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])? *>= *([0-9.]+)(.*)")
_PLAYBOOKS = ("look.yml", "apply.yml")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked for.

    Args:
        status: OK, MISSING, or OPTIONAL for what is missing and can be done without.
        seen: What is there, or is not.
        fix: An imperative; empty where nothing is to be done.
    """

    name: str
    status: str
    seen: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """An effective setting, and what says so."""

    name: str
    value: str
    source: str


def examine_machine() -> tuple[Item, ...]:
    """Return what the commands need of this machine."""
    return (
        _python(),
        *_packages(),
        _libyaml(),
        _libvirt(),
        _schemas(),
        *_programs(),
        _cache(),
        _playbooks(),
    )


def _python() -> Item:
    seen = ".".join(str(part) for part in sys.version_info[:3])
    wanted = ".".join(str(part) for part in _PYTHON)
    if sys.version_info[:2] >= _PYTHON:
        return Item("Python", OK, f"{seen}, at least {wanted}")
    return Item("Python", MISSING, seen, f"install Python {wanted} or newer, and the tool for it")


def _packages() -> Iterator[Item]:
    """Yield the packages that the tool's own metadata asks for."""
    try:
        wanted = metadata.requires("fleetpolicy") or []
    except metadata.PackageNotFoundError:
        yield Item("fleetpolicy", MISSING, "not installed", "run: python -m pip install .")
        return
    for requirement in wanted:
        parts = _REQUIREMENT.fullmatch(requirement)
        if parts:
            yield _package(parts[1], parts[2], is_optional="extra" in parts[3])


def _package(name: str, wanted: str, *, is_optional: bool) -> Item:
    try:
        seen = metadata.version(name)
    except metadata.PackageNotFoundError:
        seen = ""
    if seen and _numbers(seen) >= _numbers(wanted):
        return Item(name, OK, f"{seen}, at least {wanted}")
    status = OPTIONAL if is_optional else MISSING
    fix = f"run: python -m pip install '{name}>={wanted}'"
    return Item(name, status, f"{seen or 'not installed'}, wanted at least {wanted}", fix)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _libyaml() -> Item:
    if import_module("yaml").__with_libyaml__:
        return Item("libyaml", OK, "PyYAML uses it")
    fix = "install libyaml's headers, then: python -m pip install --force-reinstall PyYAML"
    return Item("libyaml", OPTIONAL, "PyYAML works without it, and is ten times slower", fix)


def _libvirt() -> Item:
    try:
        number = int(import_module("libvirt").getVersion())
    except ImportError:
        fix = "install libvirt's headers, then: python -m pip install 'fleetpolicy[libvirt]'"
        return Item("libvirt", OPTIONAL, "domains are not validated by libvirt itself", fix)
    seen = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    return Item("libvirt", OK, f"library {seen}")


def _schemas() -> Item:
    try:
        (found,) = find_schemas(None)
    except FleetPolicyError as error:
        (finding,) = error.diagnostics
        return Item("libvirt's schemas", OPTIONAL, finding.why, finding.fix)
    return Item("libvirt's schemas", OK, f"{found.folder}, {found.release}")


def _programs() -> Iterator[Item]:
    yield _program("ssh", "Ansible reaches real hosts by it", "run: apt-get install openssh-client")
    yield _program("git", "revisions are compared by it", "run: apt-get install git")


def _programs_of_the_lab() -> Iterator[Item]:
    """Yield what emulated hosts are made with; everything else is unpacked into the cache."""
    reason, on_debian = "emulated hosts are made with it", "run the lab on Debian, or its like"
    yield _program("ssh-keygen", reason, "run: apt-get install openssh-client")
    for name in ("apt-get", "dpkg-deb"):
        yield _program(name, reason, on_debian)


def _program(name: str, reason: str, fix: str) -> Item:
    path = shutil.which(name)
    return Item(name, OK, path) if path else Item(name, MISSING, reason, fix)


def _cache() -> Item:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base, "fleetpolicy")
    nearest = next((item for item in (folder, *folder.parents) if item.exists()), Path("/"))
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Item("cache", OK, str(folder))
    fix = "set XDG_CACHE_HOME to a folder that can be written; every run reads anew until then"
    return Item("cache", OPTIONAL, f"{nearest} cannot be written", fix)


def _playbooks() -> Item:
    folder = playbooks_folder()
    lacking = [name for name in _PLAYBOOKS if not (folder / name).is_file()]
    if not lacking:
        return Item("playbooks", OK, str(folder))
    return Item("playbooks", MISSING, f"{folder} lacks {', '.join(lacking)}", "install anew")


def examine_places(request: Request) -> tuple[tuple[Item, ...], tuple[Origin, ...]]:
    """Return whether settings and inventory can be read, and what they come to."""
    try:
        settings = load_settings(Path.cwd(), request.config)
        places = find_places(settings, request.inventory, request.policies, request.facts)
    except FleetPolicyError as error:
        return tuple(_failed("settings", error)), ()
    origins = tuple(_origins(request, settings, places))
    shown = Item("settings", OK, str(settings.source or "none, which is fine"))
    if places.inventory is None:
        return (shown,), origins
    try:
        inventory = load_inventory(places.inventory, limit="", patterns=())
    except FleetPolicyError as error:
        return (shown, *_failed("inventory", error)), origins
    has_lab = any(host.emulated for host in inventory.hosts.values())
    programs = _programs_of_the_lab() if has_lab else ()
    return (shown, _describe(inventory), *programs), origins


def _failed(name: str, error: FleetPolicyError) -> Iterator[Item]:
    for item in error.diagnostics:
        yield Item(name, MISSING, f"{item.span}: {item.why}", item.fix)


def _describe(inventory: Inventory) -> Item:
    simulated = sum(host.simulated is not None for host in inventory.hosts.values())
    emulated = sum(host.emulated is not None for host in inventory.hosts.values())
    counts = f"{amount(len(inventory.hosts), 'host')}, {simulated} of them simulated"
    counts += f", {emulated} emulated" if emulated else ""
    return Item("inventory", OK, counts)


def _origins(request: Request, settings: Settings, places: Places) -> Iterator[Origin]:
    """Yield each setting with what decided it: flag, variable, settings, or the fleet's folder."""
    file, by = str(settings.source or ""), request.named_by
    own = "beside the inventory" if places.inventory else "default"
    yield Origin("config", file or "none", by.get("config", "found upwards"))
    inventory = by.get("inventory", file if settings.inventory else "default")
    yield Origin("inventory", str(places.inventory or "none"), inventory)
    policies = ", ".join(str(path) for path in places.policies) or "none"
    yield Origin("policies", policies, by.get("policies", file if settings.policies else own))
    facts = str(places.facts) if places.facts else f"none in {places.default_facts}"
    yield Origin("facts", facts, by.get("facts", file if settings.facts else own))
    yield Origin("checks", str(places.checks or "none"), own)


def examine_hosts(request: Request) -> tuple[Item, ...]:
    """Return whether each host can be reached and looked at."""
    try:
        loaded = load_hosts(request)
    except FleetPolicyError as error:
        return tuple(_failed("hosts", error))
    looked = look(request, loaded, loaded.inventory.hosts)
    items = [
        Item(name, OK, f"reached, kernel {record.facts.kernel.release}")
        for name, record in looked.records.items()
    ]
    items += (
        Item(name or "hosts", MISSING, finding.why, finding.fix)
        for finding in looked.findings
        for name in (finding.subject.host, *finding.subject.others)
    )
    return tuple(sorted(items, key=lambda item: item.name))
