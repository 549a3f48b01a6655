"""Declare, simulate, deploy and verify the memory mapping of PCI passthrough devices."""

__version__ = "0.1.0"
