"""Tell the testinfra checks what each host is expected to show."""

from collections.abc import Collection, Iterator
from urllib.parse import quote

from fleetpolicy.model.artifact import ArtifactKind, Rendering, deployed
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.scalars import Document

SESSION_FILE = "session.json"
RESULTS_FILE = "results.jsonl"


class ExpectedFile(Document):
    """A file as it was rendered."""

    path: str
    digest: str
    mode: int


class ExpectedHost(Document):
    """What a host is expected to show, and how it is reached.

    Args:
        root: Folder that stands for / on a simulated host; "/" on any other.
        lab: Folder that the lab keeps an emulated host in; empty for any other.
        tokens: Words of the kernel command line.
        drivers: PCI address to the driver's name as /sys/bus/pci/drivers spells it.
    """

    name: str
    root: str
    lab: str
    files: tuple[ExpectedFile, ...]
    tokens: tuple[str, ...]
    drivers: dict[str, str]


class Session(Document):
    """Everything that the checks' own process is told.

    Args:
        inventory: What Ansible is given, absolute.
        records: Folder with the records of the hosts; empty where no check asks for them.
    """

    inventory: str
    records: str
    hosts: tuple[ExpectedHost, ...]


def record_file(host: str) -> str:
    """Return the name of the file that holds a host's record."""
    return f"{quote(host, safe='')}.json"


def expect_hosts(
    inventory: Inventory, fleet: Fleet, rendering: Rendering, names: Collection[str]
) -> Iterator[ExpectedHost]:
    """Return what the named hosts of the fleet are expected to show, in the fleet's order."""
    for host in fleet.hosts:
        if host.name not in names or host.name not in inventory.hosts:
            continue
        host_class = fleet.class_of(host)
        yield ExpectedHost(
            name=host.name,
            root=inventory.hosts[host.name].root,
            lab=inventory.hosts[host.name].lab,
            files=tuple(
                ExpectedFile(path=item.path, digest=digest_of(item.content), mode=item.mode)
                for item in deployed(rendering.of(host))
                if item.kind is not ArtifactKind.DOMAIN
            ),
            tokens=tuple(setting.token for setting in host_class.settings),
            drivers={item.device.address: item.driver.name for item in host_class.assignments},
        )
