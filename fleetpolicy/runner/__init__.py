"""Start Ansible: the only package that does, always as a process of its own."""

from fleetpolicy.runner.inventory import InventoryReading, InventoryRequest, read_inventory

__all__ = ["InventoryReading", "InventoryRequest", "read_inventory"]
