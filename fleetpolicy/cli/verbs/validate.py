"""Judge a policy: alone, or against the hosts of a fleet."""

from argparse import Namespace
from dataclasses import replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import Diagnostic, ExitStatus
from fleetpolicy.pipeline.loading import load, load_policy, records_of
from fleetpolicy.pipeline.request import Request


def validate(arguments: Namespace, output: Output) -> ExitStatus:
    """Print every finding; without an inventory the documents alone are judged."""
    request = request_of(arguments, output)
    if arguments.paths:
        request = replace(request, policies=(*request.policies, *arguments.paths))
    findings, scope = _judge(request)
    failed = output.fails(findings)
    result = "invalid" if failed else "ok"
    closing = "" if failed else f"ok: {scope}\n"
    output.emit_findings("validate", result, findings, closing)
    return ExitStatus.INVALID if failed else ExitStatus.DONE


def _judge(request: Request) -> tuple[tuple[Diagnostic, ...], str]:
    if request.inventory is None:
        policy, findings = load_policy(request)
        guests, policies = len(policy.guests), len(policy.device_policies)
        return findings, f"{policies} device policies and {guests} guests, without hosts"
    from fleetpolicy.pipeline.work import work_out  # noqa: PLC0415 not needed for a policy alone

    loaded = load(request)
    work = work_out(loaded, records_of(request, loaded, may_look=request.live))
    hosts, kinds = len(work.fleet.hosts), len(work.fleet.classes)
    return work.findings, f"{hosts} hosts of {kinds} kinds can have what the policy asks for"
