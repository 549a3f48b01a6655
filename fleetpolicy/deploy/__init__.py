"""Carry out a plan on its hosts, and bring them what it needs."""

from fleetpolicy.deploy.deploy import deploy
from fleetpolicy.deploy.modules import install_modules

__all__ = ["deploy", "install_modules"]
