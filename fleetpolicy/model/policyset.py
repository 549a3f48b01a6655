"""Hold a fleet's policy as loaded: every document with the places of its values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.parameters import ParameterEntry
from fleetpolicy.model.policy import DevicePolicy, FleetPolicy, HostMatch
from fleetpolicy.model.profiles import (
    DeviceProfile,
    DriverProfile,
    KernelProfile,
    PlatformProfile,
)
from fleetpolicy.model.rollout import Rollout
from fleetpolicy.model.template import Template

M_co = TypeVar("M_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Located(Generic[M_co]):
    """A document and the places of its values.

    Args:
        model: What it says.
        span_of: Place of the value at a path such as ("spec", "mapping"), in the keys that the
            user writes; the nearest enclosing place that exists when the value was left out.
    """

    model: M_co
    span_of: Callable[[tuple[str | int, ...]], Span]

    @property
    def span(self) -> Span:
        """The place of the document itself."""
        return self.span_of(())


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Everything that a fleet's policy says, the shipped catalogue's profiles included.

    Args:
        fleet: The one FleetPolicy.
        device_policies: Sorted by name.
        guests: Sorted by name.
        kernels: Site profiles first, so that the first match is the nearest.
        drivers: By module name, with underscores.
        devices: By PCI id.
        platforms: Site profiles first.
        revision: Digest of the texts, catalogue included.
        exceptions: Sorted by name.
        rollouts: Sorted by name.
        parameters: Of the kernel command line, by name with underscores.
        templates: The XML that guests name, by the guests' names.
    """

    fleet: Located[FleetPolicy]
    device_policies: tuple[Located[DevicePolicy], ...]
    guests: tuple[Located[Guest], ...]
    kernels: tuple[Located[KernelProfile], ...]
    drivers: dict[str, Located[DriverProfile]]
    devices: dict[str, Located[DeviceProfile]]
    platforms: tuple[Located[PlatformProfile], ...]
    revision: str
    exceptions: tuple[Located[PolicyException], ...] = ()
    rollouts: tuple[Located[Rollout], ...] = ()
    parameters: Mapping[str, ParameterEntry] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)

    def host_matches(self) -> Iterator[tuple[Located[Any], tuple[str | int, ...], HostMatch]]:
        """Yield every choice of hosts, with its document and the path to it."""
        for policy in self.device_policies:
            yield policy, ("spec", "match", "hosts"), policy.model.spec.match.hosts
        for index, override in enumerate(self.fleet.model.spec.overrides):
            yield self.fleet, ("spec", "overrides", index, "hosts"), override.hosts
        for exception in self.exceptions:
            yield exception, ("spec", "hosts"), exception.model.spec.hosts
        for rollout in self.rollouts:
            for index, wave in enumerate(rollout.model.spec.waves):
                yield rollout, ("spec", "waves", index, "hosts"), wave.hosts
