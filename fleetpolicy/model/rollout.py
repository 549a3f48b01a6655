"""Model rollouts: in which order, how fast and how carefully hosts are changed."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from fleetpolicy.model.policy import HostMatch, Metadata
from fleetpolicy.model.scalars import (
    SOME,
    SOME_ITEMS,
    TO_NUMBER,
    AbsolutePath,
    Clock,
    Count,
    Document,
    Duration,
    Line,
    Name,
    Share,
    TimeZone,
)

Percent = Annotated[int, Field(ge=0, le=100), TO_NUMBER]
Budget = Annotated[int, Field(ge=0, le=1_000_000), TO_NUMBER]


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "Mon"
    TUESDAY = "Tue"
    WEDNESDAY = "Wed"
    THURSDAY = "Thu"
    FRIDAY = "Fri"
    SATURDAY = "Sat"
    SUNDAY = "Sun"


class RollbackCause(StrEnum):
    """What sends a host back to what it had."""

    BOOT_FAILURE = "boot-failure"
    VERIFY_FAILURE = "verify-failure"
    LOST_CONTACT = "lost-contact"


def _once(items: tuple[StrEnum, ...]) -> tuple[StrEnum, ...]:
    if len(set(items)) < len(items):
        raise ValueError("write each of them once")
    return items


class Wave(Document):
    """Hosts that are changed before those of the next wave."""

    hosts: HostMatch
    batch: Share | None = Field(
        default=None, description="Hosts at a time, or a percentage; default: all of the wave."
    )
    max_per_failure_domain: Count | None = Field(
        default=None, description="Hosts at a time that share a failure domain; default: any."
    )
    soak: Duration | None = Field(
        default=None, description="How long the wave must stay well before the next one."
    )


class FailureBudget(Document):
    """Failures that are borne; one more stops the rollout."""

    hosts: Budget = 0
    percent: Percent | None = Field(default=None, description="Of the fleet; the smaller counts.")


class Nothing(Document):
    """An empty mapping."""


class Gate(Document):
    """One question that a changed host must answer before it counts as done."""

    ssh: Nothing | None = Field(default=None, description="It can be reached; written as {}.")
    boot_id: Literal["changed"] | None = Field(default=None, description="It really booted.")
    verify: Literal["all"] | None = Field(default=None, description="Every check passes.")
    command: Line | None = Field(default=None, description="A command that must end with 0.")
    name: Name | None = Field(default=None, description="What a command is called in reports.")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "Gate":
        asked = (self.ssh, self.boot_id, self.verify, self.command)
        if sum(item is not None for item in asked) != 1:
            raise ValueError("needs exactly one of ssh, bootId, verify, command")
        if self.name is not None and self.command is None:
            raise ValueError("has a name, which only a command takes; write a command or no name")
        return self


class Drain(Document):
    """What becomes of guests before a host reboots."""

    mode: Literal["refuse-if-vms", "shutdown", "hook"] = "refuse-if-vms"
    hook: AbsolutePath | None = Field(
        default=None, description="A program on the control node; with mode: hook."
    )

    @model_validator(mode="after")
    def _has_its_hook(self) -> "Drain":
        if (self.mode == "hook") != (self.hook is not None):
            raise ValueError(
                "has one of mode: hook and hook without the other; write both or neither"
            )
        return self


class Reboot(Document):
    """How a host boots into what is new."""

    method: Literal["one-shot"] = Field(
        default="one-shot", description="The new entry is booted once; verify promotes it."
    )
    timeout: Duration = "20m"
    budget_per_revision: Count = Field(default=1, description="Boots of a host for one revision.")
    panic_timeout: Annotated[int, Field(ge=1, le=3600), TO_NUMBER] = Field(
        default=30, description="Seconds after a panic until the old entry boots (panic=)."
    )


class Rollback(Document):
    """When a host goes back to what it had."""

    on: Annotated[tuple[RollbackCause, ...], AfterValidator(_once)] = tuple(RollbackCause)
    deadline: Duration = Field(
        default="15m", description="A host that is not heard of for so long goes back."
    )


class Window(Document):
    """When hosts may be changed; an end before the start is on the next day."""

    days: Annotated[tuple[Weekday, ...], SOME_ITEMS, SOME, AfterValidator(_once)] = tuple(Weekday)
    start: Clock
    end: Clock
    timezone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _lasts(self) -> "Window":
        if self.start == self.end:
            raise ValueError(f"lasts no time, from {self.start} to {self.end}; write another end")
        return self


class RolloutSpec(Document):
    """Say how a fleet is changed, wave by wave."""

    waves: Annotated[tuple[Wave, ...], SOME_ITEMS, SOME]
    max_unavailable: Share = Field(
        default="1", description="Hosts, or a percentage of the fleet, that may be down at once."
    )
    failure_budget: FailureBudget = FailureBudget()
    gates: tuple[Gate, ...] = ()
    drain: Drain = Drain()
    reboot: Reboot = Reboot()
    rollback: Rollback = Rollback()
    window: Window | None = Field(default=None, description="Default: at any time.")


class Rollout(Document):
    """How changes reach the hosts of a fleet."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["Rollout"]
    metadata: Metadata
    spec: RolloutSpec
