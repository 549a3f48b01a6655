from pathlib import Path

from fleetpolicy.load import load_policies
from fleetpolicy.pipeline.judged import files_of

POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""


def test_files_of_a_policy_are_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "fleet.yaml").write_text(POLICY)

    policy, _ = load_policies([folder])

    assert files_of(policy) == (str(folder / "fleet.yaml"),)
    assert policy.kernels
