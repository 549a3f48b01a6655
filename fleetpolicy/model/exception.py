"""Model exceptions: findings that somebody takes upon himself, for a while."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fleetpolicy.model.policy import DeviceMatch, HostMatch, Metadata
from fleetpolicy.model.scalars import SOME, SOME_ITEMS, Day, Document, Owner, Reason, RuleId


def _once(rules: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(rules)) < len(rules):
        raise ValueError("write each rule once")
    return rules


class ExceptionSpec(Document):
    """Silence findings of some rules on some hosts until a day."""

    hosts: HostMatch
    rules: Annotated[tuple[RuleId, ...], SOME_ITEMS, SOME, AfterValidator(_once)] = Field(
        description="Ids of rules that an Exception may silence; docs/rules.md tells which."
    )
    devices: DeviceMatch | None = Field(
        default=None, description="Only findings about such devices; default: all findings."
    )
    reason: Reason
    owner: Owner
    expires: Day = Field(description="The first day, in UTC, on which it silences nothing.")

    @property
    def until(self) -> date:
        """The first day on which it silences nothing."""
        return date.fromisoformat(self.expires)


class PolicyException(Document):
    """A waiver: whoever owns it answers for the findings that it silences."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["Exception"]
    metadata: Metadata
    spec: ExceptionSpec
