"""Documents that are shown in the guides are documents of the language."""

import re
from pathlib import Path

from fleetpolicy.load import load_policies

DOCS = Path(__file__).resolve().parents[3] / "docs"
FLEET = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
---
"""


def test_guest_of_the_guide_about_guests_is_one(tmp_path: Path) -> None:
    shown = re.findall(r"```yaml\n(apiVersion.*?)```", (DOCS / "guests.md").read_text(), re.DOTALL)
    (tmp_path / "policy.yaml").write_text(FLEET + "---\n".join(shown))

    policy, _ = load_policies([tmp_path])

    assert [item.model.metadata.name for item in policy.guests] == ["appliance"]
