"""Load what is written down: policies, settings, inventories and recorded facts."""

from fleetpolicy.load.places import Places, find_places
from fleetpolicy.load.policy import load_policies
from fleetpolicy.load.schemas import generate_schemas
from fleetpolicy.load.settings import Settings, load_settings

__all__ = [
    "Places",
    "Settings",
    "find_places",
    "generate_schemas",
    "load_policies",
    "load_settings",
]
