"""Whatever a Guest may say, libvirt's QEMU driver keeps it whole and QEMU builds the machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from fleetpolicy.model.domain import dropped
from tests.integration.libvirt.driver import fit, judge
from tests.integration.libvirt.guests import domain_of
from tests.integration.libvirt.stacks import Stack
from tests.integration.libvirt.starting import complaint
from tests.integration.libvirt.test_every_guest import specs
from tests.unit.render.fleets import nvme_policy


@pytest.mark.libvirt
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.reuse, Phase.generate],
)
@given(spec=specs())
def test_machine_of_any_guest_is_kept_whole_and_started(
    tmp_path: Path, stack: Stack, spec: dict[str, Any]
) -> None:
    document = {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": "Guest",
        "metadata": {"name": "trainer"},
        "spec": spec,
    }
    policy = nvme_policy().rsplit("---\n", 1)[0] + f"---\n{json.dumps(document)}\n"
    sent = fit(domain_of(tmp_path, policy, kernel={"pageSizeKib": 4}, **stack.facts))

    (judged,) = judge(stack, [sent])

    assert judged.kept, judged.said
    assert dropped(sent, judged.kept) == ()
    assert judged.words, judged.said
    assert complaint(stack, judged.words) == ""
