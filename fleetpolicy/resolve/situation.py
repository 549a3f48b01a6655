"""Hold what one class of equal hosts is resolved from."""

from collections.abc import Mapping

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Rule, Span, Subject
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.policy import DevicePolicy
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.model.record import HostFacts
from fleetpolicy.resolve.defaults import Defaults


class Situation(Struct, frozen=True):
    """Everything that decides over a class; names are those of its first host.

    Args:
        others: Names of the other hosts of the class, sorted.
        defaults: What the fleet's defaults and the overrides that match come to.
        applicable: The DevicePolicies whose host match holds, sorted by name.
        serials: PCI address to serial number, of the first host.
    """

    policy: PolicySet
    host: str
    others: tuple[str, ...]
    facts: HostFacts
    facts_source: str
    serials: Mapping[str, str]
    applicable: tuple[Located[DevicePolicy], ...]
    guests: tuple[Located[Guest], ...]
    defaults: Defaults

    def find(self, rule: Rule, span: Span, *, why: str, fix: str, device: str = "") -> Diagnostic:
        """Return a finding about this class of hosts."""
        subject = Subject(self.host, self.others, device, self.facts_source)
        return rule.at(span, why=why, fix=fix, subject=subject)

    @property
    def defaults_span(self) -> Span:
        """The place of the fleet's memory mapping."""
        return self.policy.fleet.span_of(("spec", "memoryMapping"))
