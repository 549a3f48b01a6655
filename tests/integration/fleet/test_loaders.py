"""Hosts that boot by entries, as an operator drives them: from plan to drift."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.cli import main

ROOT = Path(__file__).resolve().parents[3]
WORD_LIST = "etc/kernel/fleetpolicy.cmdline"
INVENTORY = """\
all:
  children:
    neoverse: {hosts: {bls-01: }}
    x86: {hosts: {sd-01: }}
"""
LOADERS = {"neoverse": "grub-bls", "x86": "systemd-boot"}
HOSTS = ("bls-01", "sd-01")

pytestmark = pytest.mark.ansible
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a fleet of one host of each kind that was validated and applied once."""
    shutil.copytree(
        ROOT / "inventories" / "demo",
        tmp_path / "fleet",
        ignore=shutil.ignore_patterns(".lab", "facts", "guests.yaml", "devices.yaml"),
    )
    monkeypatch.chdir(tmp_path)
    folder = Path("fleet")
    (folder / "hosts.yaml").write_text(INVENTORY)
    for group, loader in LOADERS.items():
        path = folder / "group_vars" / f"{group}.yaml"
        text = path.read_text()
        path.write_text(
            text.replace("fleetpolicy_model:\n", f"fleetpolicy_model:\n  loader: {loader}\n")
        )
    assert main(["validate", "-q", "-i", "fleet"]) == 0
    return folder


@pytest.fixture
def run(fleet: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of commands on the fleet: status and standard output."""

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main([words[0], "-q", "-i", str(fleet), *words[1:]])
        return status, capsys.readouterr().out

    return run


def read(fleet: Path, host: str, path: str) -> str:
    return (fleet / ".lab" / host / path).read_text()


def entries(fleet: Path, host: str) -> list[Path]:
    return sorted((fleet / ".lab" / host / "boot/loader/entries").glob("*.conf"))


def test_words_are_deployed_verified_kept_and_taken_back(fleet: Path, run: Run) -> None:
    pristine = {host: [path.read_text() for path in entries(fleet, host)] for host in HOSTS}

    assert run("apply", "--auto-approve")[0] == 0
    for host in HOSTS:
        assert read(fleet, host, WORD_LIST).splitlines()[1:] == [
            "iommu.passthrough=0",
            "iommu.strict=1",
        ]
        assert read(fleet, host, "proc/cmdline").endswith(" iommu.passthrough=0 iommu.strict=1\n")
    assert run("plan", "--detailed-exitcode") == (0, "Nothing to change on 2 hosts.\n")
    assert run("drift")[0] == 0

    # Somebody regenerates an entry without our words: the next boot would lose them.
    lost = entries(fleet, "bls-01")[0]
    lost.write_text(lost.read_text().replace(" iommu.passthrough=0 iommu.strict=1", " foreign"))
    status, text = run("drift", "--detailed-exitcode")
    assert status == 2
    assert (
        "why: /etc/kernel/fleetpolicy.cmdline is in its place, and the entry that boots next lacks "
        "iommu.passthrough=0 iommu.strict=1\n"
    ) in text
    status, text = run("plan", "--detailed-exitcode")
    assert status == 2
    assert text.startswith(
        "host bls-01\n  ~ /etc/kernel/fleetpolicy.cmdline  kernel command line  <- "
    )
    assert run("apply", "--auto-approve")[0] == 0
    assert lost.read_text().endswith(" foreign iommu.passthrough=0 iommu.strict=1\n")
    assert run("plan", "--detailed-exitcode") == (0, "Nothing to change on 2 hosts.\n")
    lost.write_text(lost.read_text().replace(" foreign", ""))

    policy = fleet / "policies/fleet.yaml"
    text = policy.read_text()
    start, end = text.index("  kernel:\n"), text.index("  modules:\n")
    policy.write_text(text[:start] + text[end:])
    assert run("apply", "--auto-approve")[0] == 0
    assert {host: [path.read_text() for path in entries(fleet, host)] for host in HOSTS} == pristine
    assert "iommu.strict" not in read(fleet, "sd-01", "proc/cmdline")


def test_words_of_others_are_listed_with_the_file_that_has_them(fleet: Path, run: Run) -> None:
    for path in entries(fleet, "bls-01"):
        path.write_text(path.read_text().replace(" quiet", " quiet iommu.strict=0"))

    status, text = run("plan")

    assert status == 0
    place = f"/boot/loader/entries/{entries(fleet, 'bls-01')[0].name}"
    assert (
        "  why: policy asks for iommu.strict=1; the entry that boots next has iommu.strict=0, "
        f"set in {place} (kernel-install or grubby)\n"
    ) in text
