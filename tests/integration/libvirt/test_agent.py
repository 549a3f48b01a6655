"""The agent works with a real libvirt as it does with that of a simulated host."""

import json
import sys
from pathlib import Path

import pytest

from fleetpolicy.model.domain import dropped
from tests.integration.libvirt.driver import fit, run_in_room
from tests.integration.libvirt.guests import NVME_GUEST, domain_of
from tests.integration.libvirt.stacks import installed

STORY = Path(__file__).with_name("agent_story.py")
MODULE_UTILS = Path(__file__).resolve().parents[3] / "playbooks" / "module_utils"


@pytest.mark.libvirt
def test_agent_defines_reads_changes_and_removes_a_domain_of_a_real_libvirt(tmp_path: Path) -> None:
    stack = installed()
    facts = {"kernel": {"pageSizeKib": 4}, **stack.facts}
    first = fit(domain_of(tmp_path, NVME_GUEST, **facts))
    second = fit(domain_of(tmp_path, NVME_GUEST.replace("vcpus: 8", "vcpus: 4"), **facts))
    (tmp_path / "first.xml").write_text(first)
    (tmp_path / "second.xml").write_text(second)
    uri = "LIBVIRT_DEFAULT_URI=qemu:///embed?root=/mnt/embed"
    told = (MODULE_UTILS, tmp_path / "first.xml", tmp_path / "second.xml")

    seen = json.loads(run_in_room(stack, tmp_path, "env", uri, sys.executable, STORY, *told))

    assert {**seen["facts"], **stack.facts["libvirt"]} == seen["facts"]
    assert dropped(first, seen["kept"]["trainer"]) == ()
    assert dropped(second, seen["changed"]["trainer"]) == ()
    assert dropped(second, seen["kept"]["trainer"]) != ()
    assert (seen["running"], seen["left"]) == ([], [])
