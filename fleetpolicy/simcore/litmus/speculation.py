"""List the reads that a CPU may make although no program asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleetpolicy.simcore.attributes import MemoryAttributes, is_cacheable
from fleetpolicy.simcore.litmus.devices import DeviceModel
from fleetpolicy.simcore.litmus.order import Rules
from fleetpolicy.simcore.litmus.program import Program, Read


@dataclass(frozen=True, slots=True)
class Guess:
    """Name a read that a mapping lets a CPU make although the program does not."""

    mapping: str
    location: str
    attributes: MemoryAttributes


def all_guesses(
    mappings: Mapping[str, MemoryAttributes], device: DeviceModel, rules: Rules
) -> tuple[Guess, ...]:
    """Return every read that may be speculated, by the name of the mapping."""
    return tuple(
        Guess(name, location, attrs)
        for name, attrs in sorted(mappings.items())
        if rules.may_speculate(attrs)
        for location in device.locations
    )


def guesses_that_matter(
    program: Program, guesses: tuple[Guess, ...], device: DeviceModel
) -> tuple[Guess, ...]:
    """Leave out the guesses that can change no verdict.

    A read without a side effect changes no device. If it brings a line into the cache, that
    matters only where a later read may hit the line, or where the line holds more than what is
    written.
    """
    read = {item.location for item in program if isinstance(item, Read)}
    shared = {location for line in device.lines if len(line) > 1 for location in line}
    return tuple(
        guess
        for guess in guesses
        if guess.location in device.read_sensitive
        or (is_cacheable(guess.attributes) and guess.location in read | shared)
    )
