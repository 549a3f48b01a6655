"""Write a product as metrics, for the textfile collector of Prometheus' node exporter."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic, Profile
from fleetpolicy.report.findings import group_findings
from fleetpolicy.report.product import Product

_HELP = {
    "fleetpolicy_result": "Result of the last run, 1 for the one it had.",
    "fleetpolicy_hosts": "Hosts that the last run judged.",
    "fleetpolicy_findings": "Findings of the last run, each counted once per host.",
    "fleetpolicy_silenced": "Findings that Exceptions silence, each counted once per host.",
    "fleetpolicy_drift_hosts": "Hosts that are not as the last apply left them.",
    "fleetpolicy_plan_hosts": "Hosts that an apply would change, and those of them that reboot.",
    "fleetpolicy_checks": "Checks of the last run, by what became of them.",
    "fleetpolicy_entries": "Entries of further lists in the last run's document.",
}
_Samples = Mapping[tuple[tuple[str, str], ...], int]


def write_prometheus(product: Product) -> str:
    """Return gauges without timestamps; every sample has the label `command`.

    What a run did not get to know has no sample: a run that stopped early says nothing of drift.

    Source:
        prometheus.io/docs/instrumenting/exposition_formats
    """
    return "".join(
        line + "\n"
        for name, samples in _families(product)
        for line in _family(name, product.command, samples)
    )


def _families(product: Product) -> Iterator[tuple[str, _Samples]]:
    yield "fleetpolicy_result", {(("result", product.result),): 1}
    if product.hosts:
        yield "fleetpolicy_hosts", {(): len(product.hosts)}
    yield "fleetpolicy_findings", _count(product.every_finding, product.profile)
    if product.silenced:
        yield "fleetpolicy_silenced", _count(product.silenced, product.profile)
    if product.command == "drift" and product.result in {"drift", "no-op"}:
        drifted = {
            name for item in product.drift for name in (item.subject.host, *item.subject.others)
        }
        yield "fleetpolicy_drift_hosts", {(): len(drifted - {""})}
    if product.plan:
        changing = [host for host in product.plan.hosts if not host.is_empty]
        rebooting = sum(bool(host.reasons) for host in changing)
        counts = {"change": len(changing), "reboot": rebooting}
        yield "fleetpolicy_plan_hosts", {(("action", key),): n for key, n in counts.items()}
    if product.checks:
        passed = sum(check.passed for check in product.checks)
        counts = {"failed": len(product.checks) - passed, "passed": passed}
        yield "fleetpolicy_checks", {(("result", key),): n for key, n in counts.items()}
    extras = product.extras()
    if extras:
        yield "fleetpolicy_entries", {(("list", name),): len(extras[name]) for name in extras}


def _count(findings: Iterable[Diagnostic], profile: Profile) -> _Samples:
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for item in group_findings(findings):
        labels = (("severity", item.severity(profile).value), ("rule", item.rule.id))
        counts[labels] += 1 + len(item.subject.others)
    return dict(sorted(counts.items()))


def _family(name: str, command: str, samples: _Samples) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples.items():
        written = ",".join(
            f'{key}="{_escape(text)}"' for key, text in (("command", command), *labels)
        )
        yield f"{name}{{{written}}} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
