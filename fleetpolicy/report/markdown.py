"""Write a product as Markdown: a comment for a pull request."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Severity
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import Check, FileAction, HostPlan, Plan
from fleetpolicy.report.findings import (
    count_findings,
    describe_hosts,
    describe_subject,
    group_findings,
)
from fleetpolicy.report.markup import (
    Section,
    assemble,
    block,
    code,
    escape,
    fold,
    open_table,
    row,
)
from fleetpolicy.report.plan import group_plan, show_changes, summarise
from fleetpolicy.report.product import Product, Table, flatten, headline, say_waiver
from fleetpolicy.report.radius_markdown import radius_sections, sum_up_radius

_SEVERITIES = tuple(Severity)
_SHOWN_EVIDENCE = 160
_SHOWN_HOSTS = 100
_NAMED_HOSTS = 3
_SHOWN_LINES = 60


def write_markdown(product: Product) -> str:
    """Return a heading, a line that sums up, tables, and details that are folded.

    The first line is a comment that names the command, by which a bot finds the comment to renew.
    Of an edit's findings those that are new are told; the others are nothing that it did.
    """
    told = product.radius.new if product.radius else product.every_finding
    findings = sorted(
        group_findings(told),
        key=lambda item: _SEVERITIES.index(item.severity(product.profile)),
    )
    head = (
        f"<!-- fleetpolicy {product.command} -->\n"
        f"## fleetpolicy {product.command}: {product.result}\n\n"
        f"{sum_up_radius(product.radius) if product.radius else escape(_sum_up(product))}\n"
    )
    return assemble(head, _sections(product, findings))


def _sum_up(product: Product) -> str:
    said = [count_findings((*product.every_finding, *product.silenced), product.profile)]
    if product.hosts:
        said.append(amount(len(product.hosts), "host"))
    if product.checks:
        passed = sum(check.passed for check in product.checks)
        said.append(f"{passed} of {amount(len(product.checks), 'check')} passed")
    text = "; ".join(said) + "."
    return f"{summarise(product.plan)} {text}" if product.plan else text


def _sections(product: Product, findings: list[Diagnostic]) -> Iterator[Section]:
    yield _findings_table(product, findings)
    if product.radius:
        yield from radius_sections(product.radius)
    groups = group_plan(product.plan) if product.plan else ()
    yield _plan_table(groups)
    yield _silenced_table(product)
    yield _failed_checks(product)
    for name, rows in product.extras().items():
        yield _table(_table_of(name, [flatten(item) for item in rows]))
    for table in product.tables:
        yield _table(table)
    if product.plan:
        plan = product.plan
        yield Section("differences", "", tuple(_difference(plan, group) for group in groups))
    messages = tuple(
        fold(f"check {check.name} of {check.host}", block(check.message.strip()))
        for check in product.checks
        if check.message
    )
    yield Section("messages of checks", "", messages)
    yield Section("explanations", "", tuple(_explanation(item) for item in findings))


def _findings_table(product: Product, findings: list[Diagnostic]) -> Section:
    header = ("severity", "rule", "place", "about", "why")
    rows = tuple(
        row(
            (
                item.severity(product.profile).value,
                escape(f"{item.rule.id} {item.rule.name}"),
                code(str(item.span)),
                escape(describe_subject(item.subject)),
                escape(_shorten(item.why)),
            )
        )
        for item in findings
    )
    title = "New findings" if product.radius else "Findings"
    return Section("findings", f"### {title}\n\n{open_table(header)}", rows)


def _silenced_table(product: Product) -> Section:
    header = ("rule", "about", "silenced by")
    rows = tuple(
        row(
            escape(cell)
            for cell in (
                f"{item.rule.id} {item.rule.name}",
                describe_subject(item.subject),
                say_waiver(item.waiver),
            )
        )
        for item in group_findings(product.silenced)
        if item.waiver
    )
    return Section("silenced findings", f"### Silenced\n\n{open_table(header)}", rows)


def _shorten(text: str) -> str:
    first, _, rest = text.partition("\n")
    if len(first) > _SHOWN_EVIDENCE or rest:
        return f"{first[:_SHOWN_EVIDENCE]} …"
    return first


def _explanation(item: Diagnostic) -> str:
    hosts = tuple(name for name in (item.subject.host, *item.subject.others) if name)
    said = [f"why: {item.why}", f"fix: {item.fix}", f"see: {item.rule.source}"]
    if len(hosts) > 1:
        said.insert(0, f"hosts: {_names(hosts, _SHOWN_HOSTS)}")
    if item.subject.facts:
        said.append(f"facts: {item.subject.facts}")
    return fold(f"{item.rule.id} {item.rule.name}: {item.span}", block("\n".join(said)))


def _plan_table(groups: tuple[tuple[HostPlan, ...], ...]) -> Section:
    rows = []
    for group in groups:
        host = group[0]
        names = ", ".join(code(item.host) for item in group[:_NAMED_HOSTS])
        more = f" and {len(group) - _NAMED_HOSTS} more" if len(group) > _NAMED_HOSTS else ""
        changes = "<br>".join(f"{action.verb.value} {code(action.path)}" for action in host.actions)
        told = dict.fromkeys(reason.partition(": ")[0] for reason in host.reasons)
        reboots = escape(", ".join(told)) or "no"
        guests = ", ".join(code(name) for name in host.guests_off) or "none"
        rows.append(
            row((str(len(group)), names + more, changes or "manifest alone", reboots, guests))
        )
    header = ("hosts", "names", "changes", "reboots for", "guests to shut down")
    return Section("groups of hosts", f"### Plan\n\n{open_table(header)}", tuple(rows))


def _difference(plan: Plan, group: tuple[HostPlan, ...]) -> str:
    names = tuple(item.host for item in group)
    lines = [line for action in group[0].actions for line in _changes(plan, action)]
    more = len(lines) - _SHOWN_LINES
    if more > 0:
        lines = [*lines[:_SHOWN_LINES], f"and {amount(more, 'more line')}"]
    title = describe_hosts(names)
    body = block("\n".join(lines), "diff")
    if len(names) > _NAMED_HOSTS:
        body = f"{escape(_names(names, _SHOWN_HOSTS))}\n\n{body}"
    return fold(title, body)


def _changes(plan: Plan, action: FileAction) -> Iterator[str]:
    """Yield a line that names the file and the policy behind it, then the lines that change."""
    because = f" because of {', '.join(map(str, action.origins))}" if action.origins else ""
    yield f"# {action.verb.value} {action.path} ({action.kind.value}){because}"
    yield from show_changes(plan, action)


def _names(names: tuple[str, ...], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _failed_checks(product: Product) -> Section:
    rows = tuple(
        row(
            (
                code(check.host),
                code(check.name),
                escape(_shorten(headline(check.message)) or _rules(check)),
            )
        )
        for check in product.checks
        if not check.passed
    )
    return Section(
        "failed checks", f"### Failed checks\n\n{open_table(('host', 'check', 'what'))}", rows
    )


def _rules(check: Check) -> str:
    return ", ".join(sorted({item.rule.id for item in check.findings}))


def _table_of(name: str, rows: list[dict[str, str]]) -> Table:
    header = tuple(dict.fromkeys(key for item in rows for key in item))
    body = tuple(tuple(item.get(key, "") for key in header) for item in rows)
    return Table(name, header, body)


def _table(table: Table) -> Section:
    opening = f"### {escape(table.title)}\n\n{open_table([escape(cell) for cell in table.header])}"
    rows = tuple(row(escape(cell) for cell in cells) for cells in table.rows)
    return Section(f"rows of {escape(table.title)}", opening, rows)
