"""Run simulated hosts: folders that look like hosts, and boot from what is in them."""

from fleetpolicy.lab.hosts import boot, build, ensure, remove, set_kernel, status

__all__ = ["boot", "build", "ensure", "remove", "set_kernel", "status"]
