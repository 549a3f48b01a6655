"""Set up well-configured hosts and see what boot and topology make of them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from fleetpolicy.simcore.attributes import CpuFeatures
from fleetpolicy.simcore.boot import BootTrace, HostConfig, Initramfs, KernelBuild, PciFunction
from fleetpolicy.simcore.kvm import KernelBehaviour
from fleetpolicy.simcore.prove.domain import attest
from fleetpolicy.simcore.prove.region import RegionPoint, Surroundings
from fleetpolicy.simcore.prove.semantics import Semantics
from fleetpolicy.simcore.topology import (
    ISOLATION,
    PAGE_SIZES,
    Acs,
    AcsFlags,
    Bar,
    NodeKind,
    PciNode,
    isolation_gaps,
    plant,
    viability,
    with_default_acs,
)
from fleetpolicy.simcore.vma import VFIO_PCI_BAR

DEVICE = "0000:01:00.0"
_VFIO = "vfio-pci"
_FEATURES = CpuFeatures(fwb=True, dic=True)
_FUNCTION = PciFunction(
    DEVICE,
    "pci:v00001234d00005678sv00001234sd00000001bc02sc00i00",
    "1234",
    "5678",
    "1234",
    "0001",
    "020000",
)
_ALIASES = (
    ("pci:v00001234d00005678sv*sd*bc*sc*i*", "native"),
    ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci"),
)
# Each VFIO driver that takes any device, as a module and as /sys/bus/pci/drivers spells it.
_DRIVERS = {"vfio_pci": "vfio-pci", "optout_vfio_pci": "optout_vfio_pci"}
_MODULES = frozenset({"native", "vfio_pci_core", *_DRIVERS})


def scenes(semantics: Semantics, kernel: KernelBehaviour) -> Iterator[RegionPoint]:
    """Yield a BAR in the surroundings that each simulated host gives it."""
    base = RegionPoint("BAR", kernel, _FEATURES, VFIO_PCI_BAR, attest(VFIO_PCI_BAR))
    for name, found in (*_boots(semantics), *_trees(semantics), *_pages(semantics)):
        yield replace(base, name=name, surroundings=found)


def _boots(semantics: Semantics) -> Iterator[tuple[str, Surroundings]]:
    """Boot a host whose files give the function to a driver, in every shape of kernel."""
    for module, builtin, carried in product(_DRIVERS, (False, True), (None, "vfio", "both")):
        driver = _DRIVERS[module]
        rules = {
            "/etc/udev/rules.d/70-vfio.rules": (
                f'SUBSYSTEM=="pci", KERNEL=="{DEVICE}", ATTR{{driver_override}}="{driver}", '
                "RUN+=\"/bin/sh -c 'echo $kernel > /sys/bus/pci/drivers_probe'\"\n"
            )
        }
        modprobe = {"/etc/modprobe.d/vfio.conf": f"softdep native pre: {module}\n"}
        load = {"/etc/modules-load.d/vfio.conf": f"{module}\n"}
        built = frozenset({module, "vfio_pci_core"}) if builtin else frozenset[str]()
        drivers = {**_DRIVERS, "native": "native"}
        build = KernelBuild("6.17", built, _MODULES - built, _ALIASES, drivers=drivers)
        initramfs = None
        if carried:
            modules = _MODULES if carried == "both" else _MODULES - {"native"}
            initramfs = Initramfs(modprobe, rules, modules - built, early=(module,))
        config = HostConfig(build, "ro", modprobe, load, rules, initramfs, (_FUNCTION,))
        shape = f"{driver} {'built in' if builtin else 'a module'}, initramfs with {carried}"
        found = observe_boot(semantics.simulate_boot(config), DEVICE)
        yield f"boot: {shape}", replace(found, wanted=driver)


def observe_boot(trace: BootTrace, address: str) -> Surroundings:
    """Return who may own a function after a boot, and who did before."""
    raced = [race.outcomes for race in trace.races if race.address == address]
    owners = tuple(dict.fromkeys((trace.owners[address], *(o for all_ in raced for o in all_))))
    bound = [
        event.what.removeprefix("bound to ").partition(":")[0]
        for event in trace.events
        if event.subject == address and event.what.startswith("bound to ")
    ]
    former = tuple(dict.fromkeys(name for name in bound if name not in owners))
    return Surroundings(owners=owners, former_owners=former)


def _trees(semantics: Semantics) -> Iterator[tuple[str, Surroundings]]:
    """Grow trees whose ports can isolate and let the kernel switch that on."""
    able = Acs(ISOLATION, AcsFlags.NONE)
    for functions, switched, acs in product((1, 2), (False, True), (None, able)):
        nodes = [PciNode("0000:00:00.0", NodeKind.ROOT_PORT, acs=able, driver="pcieport")]
        parent, bus = "0000:00:00.0", 1
        if switched:
            up, down = "0000:0a:00.0", "0000:0b:00.0"
            other = "0000:0b:01.0"
            nodes += [
                PciNode(up, NodeKind.UPSTREAM_PORT, parent, driver="pcieport"),
                PciNode(down, NodeKind.DOWNSTREAM_PORT, up, able, driver="pcieport"),
                PciNode(other, NodeKind.DOWNSTREAM_PORT, up, able, driver="pcieport"),
                PciNode("0000:0c:00.0", NodeKind.ENDPOINT, other, driver="nvme"),
            ]
            parent = down
        nodes += [
            PciNode(f"0000:{bus:02x}:00.{n}", NodeKind.ENDPOINT, parent, acs, driver=_VFIO)
            for n in range(functions)
        ]
        tree = with_default_acs(plant(nodes))
        groups = semantics.iommu_groups(tree)
        group = next(group for group in groups if DEVICE in group.addresses)
        blockers = viability(tree, group, frozenset({_VFIO}))
        gaps = isolation_gaps(tree, groups)
        name = f"topology: {functions} functions, switch {switched}, ACS {acs is not None}"
        yield (
            name,
            Surroundings(
                group_blockers=tuple(node.address for node in blockers),
                gaps=tuple(gap.source for gap in gaps if gap.target == DEVICE),
            ),
        )


def _pages(semantics: Semantics) -> Iterator[tuple[str, Surroundings]]:
    """Lay small BARs of two functions side by side and look at those that VFIO maps."""
    for page_size, size, gap in product(PAGE_SIZES, (256, 4096, 16384, 65536), (0, 4096, 65536)):
        own = Bar(DEVICE, 0, 0x1000_0000, size)
        start = own.start + max(size, gap)
        found = semantics.map_bars((own, Bar("0000:02:00.0", 0, start, size)), page_size)
        for mapping in found:
            if mapping.is_mappable and mapping.bar.owner == DEVICE:
                others = (f"BAR {bar.index} of {bar.owner}" for bar in mapping.neighbours)
                name = f"pages of {page_size}: BAR of {size} bytes, next one after {gap}"
                yield name, Surroundings(neighbours=tuple(others))
