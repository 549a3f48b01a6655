"""List the rules about what libvirt's schemas admit."""

from fleetpolicy.diagnostics import Profile, Rule, Severity

_SCHEMAS = "libvirt, src/conf/schemas/domain.rng; virt-xml-validate(1)"

NOT_ADMITTED = Rule(
    "FP440",
    "domain-not-admitted",
    Severity.ERROR,
    "A domain is valid under the schemas of its host's libvirt: what they do not know, libvirt "
    "refuses, or drops in silence where it is not asked to validate.",
    _SCHEMAS,
    rejected="<hostdev mode='subsystem' type='pci' managed='maybe'>",
    accepted="<hostdev mode='subsystem' type='pci' managed='no'>",
)
NOT_JUDGED = Rule(
    "FP441",
    "domain-not-judged",
    Severity.INFO,
    "Domains are judged by the schemas of a libvirt that is no older than their host's; where "
    "there are none, or nothing to read them with, libvirt on the host is the first judge.",
    _SCHEMAS,
    profile=Profile.PRODUCTION,
    rejected="fleetpolicy validate -i fleet --profile production\n"
    "# a guest for libvirt 12.8.0, and schemas of 9.0.0",
    accepted="fleetpolicy validate -i fleet --profile production --libvirt-schemas schemas\n"
    "# with schemas/12.8.0/domain.rng",
)
NO_SCHEMAS = Rule(
    "FP442",
    "no-such-schemas",
    Severity.ERROR,
    "A folder that --libvirt-schemas names holds the schemas of a release, or of several.",
    "docs/command-line.md",
    rejected="fleetpolicy validate -i fleet --libvirt-schemas missing/",
    accepted="fleetpolicy validate -i fleet --libvirt-schemas /usr/share/libvirt/schemas",
)
