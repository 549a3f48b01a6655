"""Look at NUMA nodes, build options and IOMMUs."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

Builder = Callable[..., Path]
Agent = Callable[..., dict[str, Any]]
NODES = "sys/devices/system/node"


def facts(ask_agent: Agent, root: Path) -> dict[str, Any]:
    found: dict[str, Any] = ask_agent(verb="look", root=str(root))["record"]["facts"]
    return found


def write(root: Path, path: str, data: str | bytes) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data.encode() if isinstance(data, str) else data)


def release(root: Path) -> str:
    return (root / "proc/sys/kernel/osrelease").read_text().strip()


def test_look_shows_nodes_by_number_with_their_pages(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    for number, cpus in ((10, "8-15"), (2, "0-7"), (3, "")):
        write(root, f"{NODES}/node{number}/cpulist", f"{cpus}\n")
    write(root, f"{NODES}/node2/hugepages/hugepages-1048576kB/nr_hugepages", "4\n")
    write(root, f"{NODES}/node2/hugepages/hugepages-2048kB/nr_hugepages", "512\n")
    write(root, f"{NODES}/node2/hugepages/hugepages-64kB/nr_hugepages", "odd\n")
    write(root, f"{NODES}/possible", "0-15\n")

    assert facts(ask_agent, root)["numa"] == [
        {
            "node": 2,
            "cpus": "0-7",
            "hugepages": [{"sizeKib": 2048, "pages": 512}, {"sizeKib": 1048576, "pages": 4}],
        },
        {"node": 3, "cpus": "", "hugepages": []},
        {"node": 10, "cpus": "8-15", "hugepages": []},
    ]


def test_look_at_a_host_without_nodes_shows_none(tiny_host: Builder, ask_agent: Agent) -> None:
    assert facts(ask_agent, tiny_host())["numa"] == []


def test_look_shows_the_build_options_that_matter(tiny_host: Builder, ask_agent: Agent) -> None:
    text = "CONFIG_IOMMUFD=m\nCONFIG_VFIO_DEVICE_CDEV=y\n# CONFIG_TEGRA241_CMDQV is not set\n"
    shown = {"IOMMUFD": "m", "VFIO_DEVICE_CDEV": "y"}
    root = tiny_host()
    assert facts(ask_agent, root)["kernel"]["options"] is None

    write(root, "proc/config.gz", gzip.compress(text.encode()))
    assert facts(ask_agent, root)["kernel"]["options"] == shown

    write(root, f"lib/modules/{release(root)}/config", text.replace("=m", "=y"))
    assert facts(ask_agent, root)["kernel"]["options"] == {**shown, "IOMMUFD": "y"}

    write(root, f"boot/config-{release(root)}", "CONFIG_X=y\n")
    assert facts(ask_agent, root)["kernel"]["options"] == {}


def test_look_at_a_damaged_configuration_shows_none(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    write(root, "proc/config.gz", gzip.compress(b"CONFIG_IOMMUFD=m\n")[:-9])

    assert facts(ask_agent, root)["kernel"]["options"] is None
