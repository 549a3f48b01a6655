"""List the rules about bringing hosts to the policy, and about saved plans."""

from fleetpolicy.diagnostics import Rule, Severity

_OURS = "docs/command-line.md"
_PARAMETERS = "Linux, Documentation/admin-guide/kernel-parameters.rst"

NOT_CONVERGED = Rule(
    "FP501",
    "not-converged-after-reboot",
    Severity.ERROR,
    "A host boots once for a revision. What is still missing afterwards needs a person: a second "
    "boot would end as the first did.",
    _OURS,
)
FOREIGN_PARAMETER = Rule(
    "FP502",
    "foreign-kernel-parameter",
    Severity.WARNING,
    "Words of the kernel command line that somebody else set are listed and never removed; of two "
    "values of one parameter the last one counts.",
    _PARAMETERS,
    waivable=True,
)
FOREIGN_DOMAIN = Rule(
    "FP503",
    "foreign-domain",
    Severity.ERROR,
    "A domain that fleetpolicy did not define is never changed, whatever its name is.",
    "libvirt.org/formatdomain.html, custom metadata",
)
TAKEN_OVER = Rule(
    "FP504",
    "file-taken-over",
    Severity.WARNING,
    "The files under fleetpolicy's names belong to it: one that its manifest does not know is "
    "replaced, and said to be.",
    _OURS,
    waivable=True,
)
LEFT_AS_IS = Rule(
    "FP505",
    "skipped-host-keeps-files",
    Severity.WARNING,
    "A host that policy skips is left as it is: what an earlier plan put there is not pruned.",
    _OURS,
)
PLAN_UNREADABLE = Rule(
    "FP511",
    "plan-unreadable",
    Severity.ERROR,
    "A saved plan is one gzip stream, and whole.",
    "RFC 1952; " + _OURS,
)
PLAN_FORMAT = Rule(
    "FP512",
    "plan-format",
    Severity.ERROR,
    "A saved plan has the shape that its format version prescribes.",
    "schemas/Plan.json",
)
PLAN_CHANGED = Rule(
    "FP513",
    "plan-changed",
    Severity.ERROR,
    "A plan's id is the digest of its content: what was read and approved is what is applied.",
    _OURS,
)
