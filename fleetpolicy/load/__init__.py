"""Load what is written down: policies, settings, inventories and recorded facts."""

from fleetpolicy.load.inventory import load_inventory
from fleetpolicy.load.places import Places, find_places
from fleetpolicy.load.policy import load_policies
from fleetpolicy.load.prebuilt import read_prebuilt
from fleetpolicy.load.records import dump_record, load_records, parse_record
from fleetpolicy.load.schemas import generate_schemas
from fleetpolicy.load.settings import Settings, load_settings

__all__ = [
    "Places",
    "Settings",
    "dump_record",
    "find_places",
    "generate_schemas",
    "load_inventory",
    "load_policies",
    "load_records",
    "load_settings",
    "parse_record",
    "read_prebuilt",
]
