from fleetpolicy.diagnostics import Span
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.plan import FileAction, HostPlan, Plan, Verb
from fleetpolicy.report.plan import plan_document, summarise, write_plan

ACTION = FileAction(
    Verb.CHANGE,
    "/etc/modprobe.d/fleetpolicy.conf",
    ArtifactKind.MODULE_OPTIONS,
    "1" * 64,
    "2" * 64,
    0o644,
    "",
    (Span("policies/fleet.yaml", 9, 16),),
)


def host_plan(name: str, *, busy: bool = True) -> HostPlan:
    return HostPlan(
        name,
        (ACTION,) if busy else (),
        ("module parameters change",) if busy else (),
        ("trainer",) if busy else (),
        "",
        "6.12.107",
        "{}" if busy else "",
    )


def plan(*hosts: HostPlan) -> Plan:
    blobs = {"1" * 64: "# head\noptions vfio_pci a=0\n", "2" * 64: "# head\noptions vfio_pci a=1\n"}
    return Plan("f" * 64, "e" * 64, "inventories/demo", hosts, blobs)


def test_write_plan_of_equal_hosts_makes_one_block_with_diff_and_reasons() -> None:
    text = write_plan(plan(host_plan("a"), host_plan("b"), host_plan("c", busy=False)))

    assert text == (
        "hosts a, b: reboots\n"
        "  ~ /etc/modprobe.d/fleetpolicy.conf  module parameters  <- policies/fleet.yaml:9:16\n"
        "      @@ -1,2 +1,2 @@\n"
        "       # head\n"
        "      -options vfio_pci a=0\n"
        "      +options vfio_pci a=1\n"
        "  reboots because: module parameters change\n"
        "  must be shut down first: trainer\n"
        "\n"
        "Plan ffffffffffff: 2 of 3 hosts change (0 to create, 2 to change, 0 to remove); "
        "2 reboot.\n"
    )


def test_summarise_an_empty_plan_says_so() -> None:
    assert summarise(plan(host_plan("a", busy=False))) == "Nothing to change on 1 host."


def test_plan_document_leaves_out_hosts_that_do_not_change() -> None:
    document = plan_document(plan(host_plan("a"), host_plan("b", busy=False)))

    assert [entry["host"] for entry in document] == ["a"]
    assert document[0]["reboots"] is True
    assert document[0]["guestsOff"] == ["trainer"]
