"""Judge a policy: alone, or against the hosts of a fleet."""

from argparse import Namespace
from dataclasses import dataclass, replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.verdict import judge_findings
from fleetpolicy.diagnostics import Diagnostic, ExitStatus, Waiver
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.judged import files_of
from fleetpolicy.pipeline.loading import load, load_policy, records_of, today_of
from fleetpolicy.pipeline.request import Request
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found, and among what."""

    findings: tuple[Diagnostic, ...]
    scope: str
    files: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    unseen: tuple[Diagnostic, ...] = ()
    in_force: tuple[Waiver, ...] = ()


def validate(arguments: Namespace, output: Output) -> ExitStatus:
    """Print every finding; without an inventory the documents alone are judged."""
    request = request_of(arguments, output)
    if arguments.paths:
        request = replace(request, policies=(*arguments.policy, *arguments.paths))
    judged = _judge(request)
    findings = judged.findings
    status, result = judge_findings(output, findings, judged.unseen)
    closing = f"ok: {judged.scope}\n" if status is ExitStatus.DONE else ""
    output.publish(
        Product(
            "validate",
            result,
            lambda palette: output.findings_text(findings, palette) + closing,
            lambda: {"findings": findings_document(findings, output.profile)},
            findings=findings,
            in_force=judged.in_force,
            hosts=judged.hosts,
            files=judged.files,
        )
    )
    return status


def _judge(request: Request) -> _Judged:
    if request.inventory is None:
        policy, findings = load_policy(request)
        policies = amount(len(policy.device_policies), "device policy", "device policies")
        scope = f"{policies} and {amount(len(policy.guests), 'guest')}, without hosts"
        waivers = in_force(policy, today_of(request))
        return _Judged(findings, scope, files_of(policy), in_force=waivers)
    from fleetpolicy.pipeline.admitting import admit_work  # noqa: PLC0415 likewise
    from fleetpolicy.pipeline.work import work_out  # noqa: PLC0415 not needed for a policy alone

    loaded = load(request)
    work = work_out(loaded, records_of(request, loaded, may_look=request.live))
    work = admit_work(work, request)
    hosts, kinds = amount(len(work.fleet.hosts), "host"), amount(len(work.fleet.classes), "kind")
    scope = f"{hosts} of {kinds} can have what the policy asks for"
    names = tuple(host.name for host in work.fleet.hosts)
    waivers = in_force(loaded.policy, loaded.today)
    return _Judged(work.findings, scope, files_of(loaded.policy), names, work.unseen, waivers)
