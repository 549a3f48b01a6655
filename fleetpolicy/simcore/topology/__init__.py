"""Predict IOMMU groups, isolation and mappable BARs from a PCI tree."""

from fleetpolicy.simcore.topology.bars import PAGE_SIZES, Bar, BarMapping, map_bars
from fleetpolicy.simcore.topology.groups import Group, Joining, iommu_groups, viability
from fleetpolicy.simcore.topology.peers import Gap, isolation_gaps, turning_point
from fleetpolicy.simcore.topology.tree import (
    ISOLATION,
    Acs,
    AcsFlags,
    NodeKind,
    PciNode,
    PciTree,
    plant,
    with_configured_acs,
    with_default_acs,
    without_redirection,
)

__all__ = [
    "ISOLATION",
    "PAGE_SIZES",
    "Acs",
    "AcsFlags",
    "Bar",
    "BarMapping",
    "Gap",
    "Group",
    "Joining",
    "NodeKind",
    "PciNode",
    "PciTree",
    "iommu_groups",
    "isolation_gaps",
    "map_bars",
    "plant",
    "turning_point",
    "viability",
    "with_configured_acs",
    "with_default_acs",
    "without_redirection",
]
