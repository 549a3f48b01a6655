"""Explain a rule, a host or what it has, the rollouts, or the exceptions of a policy."""

import re
from argparse import Namespace
from functools import cache
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import choose_host
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.pipeline.explaining import (
    Reason,
    explain_device,
    explain_host,
    explain_rule,
    explain_setting,
)
from fleetpolicy.pipeline.explaining_exceptions import explain_exceptions
from fleetpolicy.pipeline.explaining_rollouts import explain_rollouts
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.rules import UNKNOWN_SUBJECT
from fleetpolicy.pipeline.work import Work, work_out
from fleetpolicy.report.explanation import write_explanation

_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.IGNORECASE)


def explain(arguments: Namespace, output: Output) -> ExitStatus:
    """Print the reasons, each with file, line and column of its cause."""
    if re.fullmatch(r"FP\d+", arguments.what, re.IGNORECASE):
        reasons = explain_rule(arguments.what)
        if not reasons:
            raise _unknown(Span("command line"), f"there is no rule {arguments.what}")
    else:
        reasons = _explain_fleet(arguments, output)
    output.emit(
        "explain",
        "ok",
        lambda _: write_explanation([(item.text, item.origin) for item in reasons], quote),
        {"reasons": [{"text": i.text, "origin": str(i.origin or "")} for i in reasons]},
    )
    return ExitStatus.DONE


def _explain_fleet(arguments: Namespace, output: Output) -> tuple[Reason, ...]:
    """Return the reasons behind something of a fleet; a host comes before the words for others.

    Raises:
        FleetPolicyError: There is no such thing.
    """
    request = request_of(arguments, output)
    loaded = load(request)
    is_host = arguments.what in loaded.inventory.names
    if arguments.what == "rollout" and not is_host:
        return explain_rollouts(loaded)
    work = work_out(loaded, records_of(request, loaded))
    if arguments.what == "exceptions" and not is_host:
        return explain_exceptions(work, output.profile)
    host = choose_host(work, arguments.what, output.profile)
    reasons = _about(work, host, arguments.detail)
    if not reasons:
        why = f"{host.name} has nothing called {arguments.detail}"
        raise _unknown(loaded.inventory.source, why)
    return reasons


def _about(work: Work, host: FleetHost, detail: str) -> tuple[Reason, ...]:
    if not detail:
        return explain_host(work, host)
    if _ADDRESS.fullmatch(detail):
        return explain_device(work, host, detail.lower())
    return explain_setting(work, host, detail)


def _unknown(span: Span, why: str) -> FleetPolicyError:
    return FleetPolicyError(
        UNKNOWN_SUBJECT.at(
            span,
            why=why,
            fix="name a rule (FP203), a host, or a host with a PCI address, kernel argument, "
            "module parameter, path or element of a domain",
        )
    )


@cache
def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def quote(span: Span) -> str:
    """Return the text of the line at a place; empty where it cannot be read."""
    lines = _lines(span.path)
    return lines[span.line - 1].strip() if 0 < span.line <= len(lines) else ""
