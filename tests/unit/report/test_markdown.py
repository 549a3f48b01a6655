from dataclasses import replace

from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.plan import FileAction, HostPlan, Plan, Verb
from fleetpolicy.report.markdown import write_markdown
from fleetpolicy.report.product import Product, Table

VALIDATED = r"""<!-- fleetpolicy validate -->
## fleetpolicy validate: invalid

1 error, 1 warning, 1 silenced; 3 hosts.

### Findings

| severity | rule | place | about | why |
| --- | --- | --- | --- | --- |
| error | FP299 drops-water | `policies/gpü 1.yaml:14:18` | \
hosts kvm-1, kvm-2, device 0000:01:00.0 | 100% of a\|b \`c\` &lt;d&gt; &amp; "e" … |
| warning | FP298 may-drip | `command line` |  | it drips |

### Silenced

| rule | about | silenced by |
| --- | --- | --- |
| FP298 may-drip | host kvm-3 | \
Exception tap-3 (plumbers, until 2027-03-01): no part \| yet |

<details><summary>FP299 drops-water: policies/gpü 1.yaml:14:18</summary>

```
hosts: kvm-1, kvm-2
why: 100% of a|b `c` <d> & "e"
second: line, end
fix: shut @team's #1 tap
see: plumbing(8)
facts: facts/a.json, 2026-08-20
```

</details>
<details><summary>FP298 may-drip: command line</summary>

```
why: it drips
fix: shut it
see: plumbing(8)
```

</details>
""".replace("\\\n", "")
PLANNED = r"""<!-- fleetpolicy plan -->
## fleetpolicy plan: changes

Plan ffffffffffff: 2 of 2 hosts change (0 to create, 2 to change, 0 to remove); 2 reboot. \
no findings; 2 hosts.

### Plan

| hosts | names | changes | reboots for | guests to shut down |
| --- | --- | --- | --- | --- |
| 2 | `kvm-1`, `kvm-2` | change `/etc/modprobe.d/fleetpolicy.conf` | module parameters | \
`` `t`\| `` |

<details><summary>hosts kvm-1, kvm-2</summary>

````diff
# change /etc/modprobe.d/fleetpolicy.conf (module parameters) because of policies/fleet.yaml:9:16
@@ -1 +1,2 @@
-options a=0
+# ```
+options a=1
````

</details>
""".replace("\\\n", "")


def test_write_markdown_of_findings_escapes_cells_and_folds_details(validated: Product) -> None:
    assert write_markdown(validated) == VALIDATED


def test_write_markdown_of_a_plan_has_a_row_and_a_difference_per_group(planned: Product) -> None:
    assert write_markdown(planned) == PLANNED


def test_write_markdown_of_checks_shows_those_that_failed(verified: Product) -> None:
    assert write_markdown(verified) == (
        "<!-- fleetpolicy verify -->\n## fleetpolicy verify: failed\n\n"
        "no findings; 2 hosts; 1 of 2 checks passed.\n\n"
        "### Failed checks\n\n| host | check | what |\n| --- | --- | --- |\n"
        "| `kvm-1` | `test_tap[a]` | assert 1 == 2 |\n\n"
        "<details><summary>check test\\_tap\\[a\\] of kvm-1</summary>\n\n"
        "```\ndef test_tap():\nE   assert 1 == 2\n\x1b[31m]]>&\n```\n\n</details>\n"
    )


def test_write_markdown_lays_out_tables(carrying: Product) -> None:
    table = Table("hosts a: x_y", ("region", "a guest can reach"), (("bar0", "A|B"),))

    assert write_markdown(replace(carrying, tables=(table,))).endswith(
        "### parts\n\n| part | sizes | spare |\n| --- | --- | --- |\n| tap | 1, 2 | yes |\n\n"
        "### hosts a: x\\_y\n\n| region | a guest can reach |\n| --- | --- |\n| bar0 | A\\|B |\n"
    )


def test_write_markdown_of_a_large_plan_stays_short_and_says_what_is_cut() -> None:
    plan = make_plan(hosts=4_000)

    text = write_markdown(Product("plan", "changes", lambda _: "", dict, plan=plan))

    assert len(text) <= 65_000
    assert text.endswith(" of 4000 groups of hosts, 4000 of 4000 differences.\n")


def test_write_markdown_of_many_equal_hosts_is_one_group() -> None:
    plan = make_plan(hosts=5_000, alike=True)

    text = write_markdown(Product("plan", "changes", lambda _: "", dict, plan=plan))

    assert "| 5000 | `kvm-0000`, `kvm-0001`, `kvm-0002` and 4997 more |" in text
    assert len(text) < 3_000


def make_plan(*, hosts: int, alike: bool = False) -> Plan:
    made = []
    for number in range(hosts):
        path = f"/etc/{0 if alike else number}.conf"
        action = FileAction(
            Verb.CREATE, path, ArtifactKind.MODULE_OPTIONS, "", "2" * 64, 0o644, "", ()
        )
        made.append(HostPlan(f"kvm-{number:04}", (action,), (), (), "", "6.12", "{}"))
    blobs = {"2" * 64: "".join(f"options a={number}\n" for number in range(90))}
    return Plan("f" * 64, "e" * 64, "hosts.yaml", tuple(made), blobs)
