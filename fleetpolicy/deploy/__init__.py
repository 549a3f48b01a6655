"""Carry out a plan on its hosts."""

from fleetpolicy.deploy.deploy import deploy

__all__ = ["deploy"]
