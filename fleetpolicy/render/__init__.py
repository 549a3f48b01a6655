"""Render what every host is to have: command line, modules, driver binding, domains."""

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.artifact import Artifact, Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.render.binding import render_binding
from fleetpolicy.render.cmdline import render_cmdline
from fleetpolicy.render.domain import name_domains, render_domains
from fleetpolicy.render.initramfs import render_initramfs
from fleetpolicy.render.modprobe import render_modprobe
from fleetpolicy.render.modules_load import render_modules_load
from fleetpolicy.render.rules import UNKNOWN_INITRAMFS
from fleetpolicy.render.site import Site


def render(fleet: Fleet) -> tuple[Rendering, tuple[Diagnostic, ...]]:
    """Return the files of every class and the domains of every host, and what stands in the way."""
    members: list[list[str]] = [[] for _ in fleet.classes]
    for host in fleet.hosts:
        members[host.index].append(host.name)
    shared: list[tuple[Artifact, ...]] = []
    texts: list[tuple[str, ...]] = []
    findings: list[Diagnostic] = []
    for host_class, names in zip(fleet.classes, members, strict=True):
        if not names:
            shared.append(())
            texts.append(())
            continue
        site = Site(host_class, tuple(names))
        files, found = _render_files(site)
        domains, missing = render_domains(site)
        shared.append(files)
        texts.append(domains)
        findings += (*found, *missing)
    domains_by_host = {
        host.name: name_domains(host, fleet.class_of(host), texts[host.index])
        for host in fleet.hosts
        if texts[host.index]
    }
    return Rendering(tuple(shared), domains_by_host), tuple(findings)


def _render_files(site: Site) -> tuple[tuple[Artifact, ...], tuple[Diagnostic, ...]]:
    host_class = site.host_class
    command_line, findings = render_cmdline(site)
    copied = [
        item
        for item in (
            render_modprobe(host_class),
            render_modules_load(host_class),
            render_binding(host_class),
            render_initramfs(host_class),
        )
        if item
    ]
    if copied and host_class.facts.boot.initramfs is None:
        findings = (*findings, _refuse_initramfs(site, copied[0]))
    files = (*copied, command_line) if command_line else tuple(copied)
    return tuple(sorted(files)), findings


def _refuse_initramfs(site: Site, artifact: Artifact) -> Diagnostic:
    return site.find(
        UNKNOWN_INITRAMFS,
        artifact.origins[0],
        why=f"{artifact.path} has a copy in the initramfs, and the host did not show what makes it",
        fix="install initramfs-tools or dracut, and collect the facts again",
    )
