"""List the rules that the text of a policy can break before any host is looked at."""

from fleetpolicy.diagnostics import Rule, Severity

_LANGUAGE = "docs/policy-language.md"
_YAML = "YAML 1.2.2, yaml.org/spec/1.2.2"

UNREADABLE = Rule(
    "FP101",
    "file-unreadable",
    Severity.ERROR,
    "Every file and folder that a policy is read from must exist and be readable.",
    _LANGUAGE,
)
SYNTAX = Rule(
    "FP102",
    "yaml-syntax",
    Severity.ERROR,
    "Policies are YAML in UTF-8; what cannot be parsed is never guessed at.",
    _YAML,
)
DUPLICATE_KEY = Rule(
    "FP103",
    "duplicate-key",
    Severity.ERROR,
    "A key is written once; otherwise one of two values would vanish in silence.",
    "YAML 1.2.2, section 3.2.1.1: keys of a mapping are unique",
)
FOREIGN_FEATURE = Rule(
    "FP104",
    "yaml-feature-not-used",
    Severity.ERROR,
    "Anchors, aliases, merge keys, tags and keys that are not plain text are no part of the "
    "language: a document is read as it is written.",
    _LANGUAGE,
)
EMPTY_VALUE = Rule(
    "FP105",
    "empty-value",
    Severity.ERROR,
    "Null has no meaning here: an empty text is written in quotes, a default by leaving the key "
    "out.",
    _LANGUAGE,
)
TOO_BIG = Rule(
    "FP106",
    "input-too-big",
    Severity.ERROR,
    "A file has at most 16 MiB, 10,000 documents and 500,000 keys and values, a document at most "
    "32 levels and 200,000 keys, values and brackets. 1,000 findings of a file are told at once.",
    _LANGUAGE,
)
NOT_A_DOCUMENT = Rule(
    "FP107",
    "not-a-policy-document",
    Severity.ERROR,
    "A document is a mapping with apiVersion, kind, metadata.name and spec.",
    _LANGUAGE,
)
UNKNOWN_VERSION = Rule(
    "FP108",
    "unknown-api-version",
    Severity.ERROR,
    "The version says which language a document is written in.",
    _LANGUAGE,
)
UNKNOWN_KIND = Rule(
    "FP109",
    "unknown-kind",
    Severity.ERROR,
    "The kind chooses the one model that a document is judged by.",
    _LANGUAGE,
)
UNKNOWN_KEY = Rule(
    "FP110",
    "unknown-key",
    Severity.ERROR,
    "A key that nobody reads is a mistake; keys that begin with x- are for notes of your own.",
    _LANGUAGE,
)
MISSING_KEY = Rule(
    "FP111",
    "missing-key",
    Severity.ERROR,
    "What has no default must be said.",
    _LANGUAGE,
)
BAD_VALUE = Rule(
    "FP112",
    "bad-value",
    Severity.ERROR,
    "A value is spelt as its field demands, so that it can stand in a command line, a rule and XML "
    "as it is.",
    _LANGUAGE,
)
DUPLICATE_DOCUMENT = Rule(
    "FP113",
    "duplicate-document",
    Severity.ERROR,
    "Kind and name identify a document; both together are used once.",
    _LANGUAGE,
)
ONE_FLEET_POLICY = Rule(
    "FP114",
    "one-fleet-policy",
    Severity.ERROR,
    "A fleet has exactly one FleetPolicy.",
    _LANGUAGE,
)
AMBIGUOUS_PROFILE = Rule(
    "FP115",
    "ambiguous-profile",
    Severity.ERROR,
    "One profile describes a driver's module or a device's id; a site's profile replaces the "
    "shipped one, but two of a site's would compete.",
    _LANGUAGE,
)
NO_FLEET = Rule(
    "FP116",
    "no-such-fleet",
    Severity.ERROR,
    "A fleet is a folder with an inventory, policies/ and facts/, or an inventory with these "
    "beside it.",
    "docs/command-line.md",
)
