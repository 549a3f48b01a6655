"""List the rules about looks at hosts."""

from fleetpolicy.diagnostics import Rule, Severity

_ANSIBLE = "https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html"

UNREACHABLE = Rule(
    "FP551",
    "host-unreachable",
    Severity.ERROR,
    "A host is judged by what it shows; one that cannot be reached shows nothing.",
    _ANSIBLE,
    rejected="ansible -i fleet -m ping gh-01\ngh-01 | UNREACHABLE!",
    accepted="ansible -i fleet -m ping gh-01\ngh-01 | SUCCESS",
)
LOOK_FAILED = Rule(
    "FP552",
    "look-failed",
    Severity.ERROR,
    "A look reads the host's own files and asks its kernel; it needs root and a Python, and "
    "writes nothing.",
    _ANSIBLE,
    rejected="The host has no Python, or the user may not become root.",
    accepted="The host has Python 3, and the user may become root.",
)
NO_ANSWER = Rule(
    "FP553",
    "no-answer",
    Severity.ERROR,
    "Every host that was asked has to answer; a run that ended early says nothing of the rest.",
    "https://docs.ansible.com/ansible/latest/cli/ansible-playbook.html",
    rejected="A run over gh-01 and gh-02 that is killed before gh-02 has answered.",
    accepted="A run over gh-01 and gh-02 in which both answered.",
)
