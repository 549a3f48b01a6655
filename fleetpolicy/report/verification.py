"""Write what was done to hosts, and what the checks found."""

from collections import Counter

from fleetpolicy.diagnostics import Profile
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import Check, Deployment, Verification
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.findings import write_findings


def write_deployment(deployment: Deployment) -> str:
    """Return one line per host."""
    if not deployment.results:
        return "No host had to change.\n"
    width = max(len(result.host) for result in deployment.results)
    lines = []
    for result in deployment.results:
        what = ", ".join(
            part
            for part in (
                result.status,
                f"{len(result.changed)} changed" if result.changed else "",
                "rebooted" if result.rebooted else "",
                result.message,
            )
            if part
        )
        lines.append(f"  {result.host.ljust(width)}  {what}\n")
    return "".join(lines)


def write_verification(
    verification: Verification, profile: Profile, palette: Palette = PLAIN
) -> str:
    """Return the failed checks with their findings, then one line per host."""
    failed = [check for check in verification.checks if not check.passed]
    text = write_findings(
        (finding for check in failed for finding in check.findings), profile, palette
    )
    text += "".join(_message(check) for check in failed if check.message)
    hosts: dict[str, Counter[bool]] = {}
    for check in verification.checks:
        hosts.setdefault(check.host, Counter())[check.passed] += 1
    width = max((len(host) for host in hosts), default=0)
    for host, counts in hosts.items():
        verdict = (
            palette.paint("ok", "green") if not counts[False] else palette.paint("FAILED", "red")
        )
        total = amount(counts.total(), "check")
        text += f"  {host.ljust(width)}  {verdict}  {counts[True]} of {total} passed\n"
    return text


def _message(check: Check) -> str:
    body = check.message.strip().replace("\n", "\n    ")
    return f"{check.host}: check {check.name} failed\n    {body}\n"


def verification_document(verification: Verification) -> list[dict[str, object]]:
    """Return every check as plain data."""
    return [
        {
            "host": check.host,
            "check": check.name,
            "passed": check.passed,
            "rules": sorted({finding.rule.id for finding in check.findings}),
            "message": check.message,
        }
        for check in verification.checks
    ]


def deployment_document(deployment: Deployment) -> list[dict[str, object]]:
    """Return what was done as plain data."""
    return [
        {
            "host": result.host,
            "status": result.status,
            "changed": list(result.changed),
            "rebooted": result.rebooted,
            "message": result.message,
        }
        for result in deployment.results
    ]
