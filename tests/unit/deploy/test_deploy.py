import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from fleetpolicy.deploy import deploy
from fleetpolicy.deploy.bundle import write_bundle
from fleetpolicy.diagnostics import Span
from fleetpolicy.load import parse_record
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.plan import FileAction, HostPlan, HostResult, Plan, Verb
from fleetpolicy.runner import RunEvent, RunOptions

Builder = Callable[..., Path]
PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
GRUB = "/etc/default/grub.d/99-fleetpolicy.cfg"
MANIFEST = "/var/lib/fleetpolicy/manifest.json"
NASTY = "# 'single' \"double\" {{ jinja }} {% raw %} $(id) `id` \\ \u00e9\n\n  end\n"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def action(verb: Verb, before: str, after: str, *, name: str = "") -> FileAction:
    kind = ArtifactKind.DOMAIN if name else ArtifactKind.COMMAND_LINE
    path = f"/etc/libvirt/qemu/{name}.xml" if name else GRUB
    return FileAction(verb, path, kind, before, after, 0o644, name, ())


def host_plan(host: str, *reasons: str) -> HostPlan:
    manifest = json.dumps({"bootId": "boot-1", "host": host})
    actions = (action(Verb.CREATE, "", digest(NASTY)),)
    return HostPlan(host, actions, reasons, (), "", "7.0", manifest)


def idle_plan(host: str) -> HostPlan:
    return HostPlan(host, (), (), (), "", "7.0", "")


def plan_of(*hosts: HostPlan) -> Plan:
    return Plan("f" * 64, "e" * 64, "hosts.json", hosts, {digest(NASTY): NASTY})


def inventory_of(folder: Path, **roots: Path) -> Inventory:
    path = folder / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": dict.fromkeys(roots)}}))
    hosts = {
        name: InventoryHost(name, ("all",), {}, str(root), None) for name, root in roots.items()
    }
    return Inventory(Span(str(path)), hosts, frozenset(hosts), frozenset(), {})


def log_of(root: Path) -> list[str]:
    path = root / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_bundle_holds_contents_of_what_stays_and_none_of_what_goes() -> None:
    plan = Plan("f" * 64, "", "", (), {"1": "<x/>", "2": "text {{ x }}\n"})
    actions = (
        action(Verb.CHANGE, "0", "2"),
        action(Verb.CREATE, "", "1", name="one"),
        action(Verb.REMOVE, "0", "", name="two"),
    )
    host = HostPlan("a", actions, ("command line",), ("one", "two", "x"), "", "7.0", "{}")

    bundle = json.loads(write_bundle(plan, host, no_reboot=True))

    assert bundle == {
        "host": "a",
        "plan": "f" * 64,
        "release": "7.0",
        "files": [
            {
                "verb": "change",
                "path": GRUB,
                "kind": "kernel command line",
                "mode": 0o644,
                "before": "0",
                "after": "2",
                "content": "text {{ x }}\n",
            }
        ],
        "domains": [
            {"verb": "create", "name": "one", "before": "", "xml": "<x/>"},
            {"verb": "remove", "name": "two", "before": "0", "xml": None},
        ],
        "guestsOff": ["two"],
        "reboot": True,
        "rebootNow": False,
        "manifest": "{}",
    }


def test_deploy_of_an_empty_plan_contacts_nobody(tmp_path: Path) -> None:
    idle = idle_plan("a")

    deployment, records = deploy(
        plan_of(idle), inventory_of(tmp_path), parse_record, RunOptions(PLAYBOOKS)
    )

    assert (deployment.results, records) == ((), {})


@pytest.mark.ansible
def test_deploy_writes_boots_and_looks_with_one_task_where_nothing_boots(
    tiny_host: Builder, tmp_path: Path
) -> None:
    roots = {name: tiny_host(name) for name in ("boots", "stays", "idle", "differs")}
    (roots["differs"] / "proc/sys/kernel/osrelease").write_text("6.1\n")
    inventory = inventory_of(tmp_path, **roots)
    plan = plan_of(
        host_plan("boots", "command line"),
        host_plan("differs"),
        idle_plan("idle"),
        host_plan("stays"),
    )
    heard: list[RunEvent] = []

    deployment, records = deploy(
        plan, inventory, parse_record, RunOptions(PLAYBOOKS, on_event=heard.append)
    )

    assert deployment.results == (
        HostResult("boots", "changed", (GRUB, MANIFEST), rebooted=True, message=""),
        HostResult(
            "differs", "stale", (), rebooted=False, message="kernel 6.1 runs, planned for 7.0"
        ),
        HostResult("stays", "changed", (GRUB, MANIFEST), rebooted=False, message=""),
    )
    tasks = {name: [event.task for event in heard if event.host == name] for name in roots}
    assert tasks == {
        "boots": ["Apply", "Reboot the simulated host", "Look after the reboot"],
        "differs": ["Apply"],
        "idle": [],
        "stays": ["Apply"],
    }
    assert (roots["stays"] / GRUB[1:]).read_bytes() == NASTY.encode()
    assert log_of(roots["boots"]) == ["update-grub ", "reboot"]
    assert {name: record.identity.boot_id for name, record in records.items()} == {
        "boots": "boot-2",
        "stays": "boot-1",
    }


@pytest.mark.ansible
def test_deploy_in_check_mode_writes_nothing_and_again_without_reboot_waits(
    tiny_host: Builder, tmp_path: Path, tree_digest: Callable[[Path], dict[str, str]]
) -> None:
    root = tiny_host("host")
    inventory = inventory_of(tmp_path, host=root)
    plan = plan_of(host_plan("host", "command line"))
    before = tree_digest(root)
    heard: list[RunEvent] = []
    check = RunOptions(PLAYBOOKS, check=True, diff=True, on_event=heard.append)
    no_reboot = RunOptions(PLAYBOOKS, no_reboot=True)

    checked, _ = deploy(plan, inventory, parse_record, check)
    untouched = tree_digest(root) == before
    waiting, _ = deploy(plan, inventory, parse_record, no_reboot)

    paths = (GRUB, MANIFEST)
    assert checked.results == (HostResult("host", "changed", paths, rebooted=False, message=""),)
    assert untouched
    lines = "".join(f"+{line}\n" for line in NASTY.splitlines())
    diff = f"--- /dev/null\n+++ {GRUB}\n@@ -0,0 +1,3 @@\n{lines}"
    assert [event.result["diff"] for event in heard] == [[{"prepared": diff}]]
    assert waiting.results == (
        HostResult("host", "pending-reboot", paths, rebooted=False, message=""),
    )
    assert log_of(root) == ["update-grub "]
