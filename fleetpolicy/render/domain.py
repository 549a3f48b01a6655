"""Render libvirt domains: once per class of hosts, then named for each guest."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import FleetHost, HostClass, ResolvedGuest
from fleetpolicy.render.conflicts import check_template, refuse
from fleetpolicy.render.controllers import controllers, iommus
from fleetpolicy.render.disks import disk_elements
from fleetpolicy.render.features import check
from fleetpolicy.render.hostdev import hostdevs, trapped_override
from fleetpolicy.render.limits import check_limits
from fleetpolicy.render.machine import (
    console_elements,
    emulator_element,
    features_element,
    interface_elements,
    lifecycle_elements,
    os_element,
    rng_element,
    tpm_element,
)
from fleetpolicy.render.marks import IDENTITY, NAME, fill_in
from fleetpolicy.render.memory import memory_elements, numatune
from fleetpolicy.render.merge import disk_names, merge, taken_by
from fleetpolicy.render.needs import needed_features
from fleetpolicy.render.processors import cpu_element, processor_elements
from fleetpolicy.render.site import Site
from fleetpolicy.render.template import QEMU_NAMESPACE, Fault, read_template
from fleetpolicy.render.topology import plan_topology
from fleetpolicy.render.xml import Element, element, write_xml

_URN = "urn:fleetpolicy:v1alpha1"


def render_domains(site: Site) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    """Return the text of each guest's domain, with marks where its name and UUID belong."""
    arch = site.host_class.facts.arch
    findings: list[Diagnostic] = []
    texts: list[str] = []
    for guest in site.host_class.guests:
        template = _read(site, guest, findings)
        findings += check(site, guest.origin, guest.name, needed_features(guest, arch))
        findings += check_limits(site, guest)
        texts.append(write_xml(_domain(site.host_class, guest, template)))
    return ((), tuple(findings)) if findings else (tuple(texts), ())


def _read(site: Site, guest: ResolvedGuest, findings: list[Diagnostic]) -> Element | None:
    """Return what a guest is put into, None where everything is ours."""
    if guest.template is None:
        return None
    root = read_template(guest.template)
    if isinstance(root, Fault):
        findings.append(refuse(site, guest, guest.template, root))
        return None
    findings += check_template(site, guest, guest.template, root)
    return root


def name_domains(
    host: FleetHost, host_class: HostClass, texts: tuple[str, ...]
) -> tuple[Artifact, ...]:
    """Return a host's own domains, sorted by path."""
    named = zip(host.guests, host.guest_origins, host_class.guests, texts, strict=True)
    return tuple(
        sorted(
            Artifact(
                path=f"/etc/libvirt/qemu/{name}.xml",
                kind=ArtifactKind.DOMAIN,
                content=fill_in(text, host.name, name),
                mode=0o600,
                origins=_origins(origin, guest),
                name=name,
            )
            for name, origin, guest, text in named
        )
    )


def _origins(origin: Span, guest: ResolvedGuest) -> tuple[Span, ...]:
    return tuple(sorted({origin, *(device.assignment.mapping_origin for device in guest.devices)}))


def _domain(host_class: HostClass, guest: ResolvedGuest, template: Element | None) -> Element:
    spec, arch = guest.spec, host_class.facts.arch
    override = trapped_override(guest)
    children = (
        element("name", text=NAME),
        element("uuid", text=IDENTITY),
        element("title", text=spec.title) if spec.title else None,
        _metadata(),
        *memory_elements(guest),
        *processor_elements(spec),
        numatune(spec),
        os_element(spec, arch),
        features_element(spec, arch),
        cpu_element(guest),
        *lifecycle_elements(),
        element("devices", *_devices(host_class, guest, template)),
        override,
    )
    namespace = (("xmlns:qemu", QEMU_NAMESPACE),) if override else ()
    kept = tuple(child for child in children if child is not None)
    ours = Element("domain", (("type", "kvm"), *namespace), kept)
    return merge(guest, ours, template) if template else ours


def _metadata() -> Element:
    """Return the mark that the domain is ours; the manifest holds the revision."""
    note = Element(
        "fleetpolicy:guest",
        (("xmlns:fleetpolicy", _URN), ("name", NAME)),
        text="generated; do not edit",
    )
    return element("metadata", note)


def _devices(
    host_class: HostClass, guest: ResolvedGuest, template: Element | None
) -> Iterator[Element]:
    topology = plan_topology(guest, taken_by(template))
    yield emulator_element(guest.spec, host_class.facts.arch)
    yield from controllers(guest, topology)
    yield from disk_elements(guest.spec, disk_names(template))
    yield from interface_elements(guest.spec)
    yield from console_elements()
    yield from hostdevs(host_class, topology)
    yield from iommus(topology)
    if guest.spec.tpm:
        yield tpm_element(host_class.facts.arch)
    if guest.spec.rng:
        yield rng_element()
    yield element("memballoon", model="none")
