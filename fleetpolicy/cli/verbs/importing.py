"""Write a first policy from what runs today."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.importing import Imported, import_facts, write_new
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document


def import_policy(arguments: Namespace, output: Output) -> ExitStatus:
    """Print the policy, or write it into a new file and tell what was left out."""
    shown = str(arguments.out or "policy.yaml")
    done = import_facts(arguments.facts, shown)
    if arguments.out:
        write_new(arguments.out, done.policy.text)
    failed = output.fails(done.findings)

    def text(palette: Palette) -> str:
        if not arguments.out:
            return done.policy.text
        return output.findings_text(done.findings, palette) + _tell(done, shown)

    parts = {
        "policy": done.policy.text,
        "notes": list(done.policy.notes),
        "findings": findings_document(done.findings, output.profile),
    }
    output.emit("import", "invalid" if failed else "ok", text, parts)
    if not arguments.out:
        output.progress(output.findings_text(done.findings, output.palette) + _closing(done))
    return ExitStatus.INVALID if failed else ExitStatus.DONE


def _tell(done: Imported, path: str) -> str:
    notes = "".join(f"left out: {note}\n" for note in done.policy.notes)
    return f"{notes}wrote {path}\n{_closing(done)}\n"


def _closing(done: Imported) -> str:
    """Return what apply would change."""
    hosts = amount(done.hosts, "host")
    if done.plan is None:
        return f"written from {hosts}; it does not hold yet"
    changes = sum(bool(host.actions) for host in done.plan.hosts)
    return f"written from {hosts}; a plan would change {changes}"
