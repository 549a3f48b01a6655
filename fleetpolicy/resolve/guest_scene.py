"""Hold one guest on its host while it is judged."""

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Rule
from fleetpolicy.model.fleet import ResolvedGuest, Setting
from fleetpolicy.model.guest import Guest, GuestSpec
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.record import HostFacts
from fleetpolicy.resolve.situation import Situation


class Scene(Struct, frozen=True):
    """A guest, its document and its host.

    Args:
        settings: What the host's command line will have.
    """

    situation: Situation
    located: Located[Guest]
    guest: ResolvedGuest
    settings: tuple[Setting, ...]

    @property
    def spec(self) -> GuestSpec:
        """What the guest's document says."""
        return self.guest.spec

    @property
    def facts(self) -> HostFacts:
        """What the host showed."""
        return self.situation.facts

    def find(self, rule: Rule, where: tuple[str | int, ...], *, why: str, fix: str) -> Diagnostic:
        """Return a finding at a place below spec; a device's place names its address."""
        device = ""
        if where[0] == "devices" and isinstance(where[1], int):
            device = self.spec.devices[where[1]].device.address
        span = self.located.span_of(("spec", *where))
        why = f"guest {self.guest.name}: {why}"
        return self.situation.find(rule, span, why=why, fix=fix, device=device)
