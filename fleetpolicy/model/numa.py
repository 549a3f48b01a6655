"""Model a host's NUMA nodes: what each look at the host shows of them."""

from typing import Annotated

from pydantic import Field

from fleetpolicy.model.scalars import Document


class HugepagePool(Document):
    """Huge pages of one size that a NUMA node holds, free or not."""

    size_kib: Annotated[int, Field(ge=1)]
    pages: Annotated[int, Field(ge=0)]


class NumaNode(Document):
    """A NUMA node: its CPUs and its huge pages."""

    node: Annotated[int, Field(ge=0, le=1023)]
    cpus: Annotated[str, Field(pattern=r"^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?\Z")]
    hugepages: tuple[HugepagePool, ...] = ()
