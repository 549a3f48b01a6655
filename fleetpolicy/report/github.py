"""Write findings as workflow commands, which GitHub shows beside the lines of a pull request."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Severity, Span
from fleetpolicy.report.findings import count_findings, describe_subject, group_findings
from fleetpolicy.report.place import file_of
from fleetpolicy.report.plan import summarise
from fleetpolicy.report.product import Product, flatten, say_waiver

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def write_github(product: Product) -> str:
    """Return a line per finding, the worst first, and a plain one that sums up.

    Source:
        docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    return "".join(line + "\n" for line in _lines(product))


def _lines(product: Product) -> Iterator[str]:
    findings = group_findings(product.every_finding)
    for severity in _WORST_FIRST:
        for item in findings:
            if item.severity(product.profile) is severity:
                yield _annotate(item, _COMMANDS[severity], product.folder)
    for check in product.checks:
        if check.message:
            title = f"check {check.name} of {check.host}"
            yield _command("error", {"title": title}, check.message.strip())
    yield from _notices(product)
    counted = count_findings((*product.every_finding, *product.silenced), product.profile)
    yield f"fleetpolicy {product.command}: {product.result}, {counted}"


def _notices(product: Product) -> Iterator[str]:
    for item in group_findings(product.silenced):
        if item.waiver:
            title = f"silenced {item.rule.id} {item.rule.name}"
            place = _place(item.waiver.span, product.folder)
            said = f"{describe_subject(item.subject)}\n{say_waiver(item.waiver)}"
            yield _command("notice", {**place, "title": title}, said)
    for name, rows in product.extras().items():
        for row in rows:
            said = "\n".join(f"{key}: {value}" for key, value in flatten(row).items())
            yield _command("notice", {"title": name}, said)
    if product.plan:
        title = f"fleetpolicy {product.command}"
        yield _command("notice", {"title": title}, summarise(product.plan))


def _annotate(item: Diagnostic, command: str, folder: str) -> str:
    subject = describe_subject(item.subject)
    said = [*([subject] if subject else []), item.why, f"fix: {item.fix}"]
    title = f"{item.rule.id} {item.rule.name}"
    return _command(
        command,
        {**_place(item.span, folder), "title": title},
        "\n".join((*said, f"see: {item.rule.source}")),
    )


def _place(span: Span, folder: str) -> dict[str, str]:
    """Return the properties that name a place; none where it is no file."""
    numbers = {"line": span.line, "col": span.column if span.line else 0}
    file = file_of(span, folder)
    return {"file": file, **{key: str(n) for key, n in numbers.items() if n}} if file else {}


def _command(command: str, properties: dict[str, str], message: str) -> str:
    written = ",".join(f"{name}={_property(text)}" for name, text in properties.items() if text)
    return f"::{command} {written}::{_data(message)}"


def _data(text: str) -> str:
    """Return a message on one line.

    Source:
        github.com/actions/toolkit, packages/core/src/command.ts: escapeData
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return the value of a property.

    Source:
        github.com/actions/toolkit, packages/core/src/command.ts: escapeProperty
    """
    return _data(text).replace(":", "%3A").replace(",", "%2C")
