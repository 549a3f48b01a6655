from pathlib import Path

import pytest

from fleetpolicy.cli import main
from fleetpolicy.load import load_inventory
from fleetpolicy.load.places import Places
from fleetpolicy.pipeline.installing import _real_hosts
from fleetpolicy.pipeline.loading import Hosts

TESTS = Path(__file__).resolve().parents[2]
DEMO = TESTS.parent / "inventories" / "demo"


@pytest.mark.shows("FP620")
@pytest.mark.ansible
def test_modules_for_a_fleet_of_simulated_hosts_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = tmp_path / "6.12.0-arm64" / "x.ko"
    module.parent.mkdir()
    module.write_bytes(b"\x7fELF\0vermagic=6.12.0-arm64 SMP aarch64\0")

    status = main(["modules", "install", "-q", "-i", str(DEMO), "--from", str(tmp_path)])

    assert status == 3
    assert capsys.readouterr().out == (
        f"{DEMO}/hosts.yaml: error FP620 only-simulated-hosts\n"
        "  why: every host of it is simulated\n"
        "  fix: give the model of a simulated host the module: kernels.RELEASE.modules\n"
        "  see: docs/opt-out.md; docs/simulated-hosts.md; fleetpolicy explain FP620\n"
        "1 error\n"
    )


@pytest.mark.ansible
@pytest.mark.accepts("FP620")
def test_modules_go_to_the_hosts_that_exist() -> None:
    inventory = load_inventory(TESTS / "fleet" / "hosts.yaml", limit="gh-01:gh-02")

    hosts = _real_hosts(Hosts(Places(None, (), None), inventory, ()))

    assert hosts == ["gh-01", "gh-02"]
