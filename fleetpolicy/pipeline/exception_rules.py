"""List the rules about Exceptions, which silence findings until a day."""

from fleetpolicy.diagnostics import Rule, Severity

_LANGUAGE = "docs/policy-language.md"

EXCEPTION_ENDED = Rule(
    "FP611",
    "exception-expired",
    Severity.ERROR,
    "An Exception silences findings until the day on which it expires and not a day longer; it is "
    "then removed or prolonged by its owner, never forgotten.",
    _LANGUAGE,
    rejected='expires: "2027-03-01"  # and today is 2027-03-01',
    accepted='expires: "2027-03-01"  # and today is 2027-01-15',
)
EXCEPTION_ENDS_SOON = Rule(
    "FP612",
    "exception-expires-soon",
    Severity.WARNING,
    "What an Exception silences comes back when it expires; its owner is told 14 days before.",
    _LANGUAGE,
    rejected='expires: "2027-03-01"  # and today is 2027-02-20',
    accepted='expires: "2027-03-01"  # and today is 2027-01-15',
)
EXCEPTION_IDLE = Rule(
    "FP613",
    "exception-silences-nothing",
    Severity.WARNING,
    "An Exception that silences nothing is a mistake or a leftover, and would hide what comes "
    "later.",
    _LANGUAGE,
    rejected="rules: [FP302]  # and containment is attested on every host that it matches",
    accepted="rules: [FP302]  # and nobody attests containment on a host that it matches",
)
NO_SUCH_RULE = Rule(
    "FP614",
    "no-such-rule",
    Severity.ERROR,
    "An Exception names rules by their ids, and each of them exists.",
    "docs/rules.md",
    rejected="rules: [FP999]",
    accepted="rules: [FP302]",
)
NEVER_SILENCED = Rule(
    "FP615",
    "rule-never-silenced",
    Severity.ERROR,
    "Rules that keep hosts alive, and rules without which nothing of a host can be worked out, "
    "cannot be silenced; docs/rules.md tells which can.",
    _LANGUAGE,
    rejected="rules: [FP213]  # the device that the host itself lives on",
    accepted="rules: [FP302]  # containment that nobody attests",
)
