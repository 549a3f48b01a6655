"""A host that boots an image, as an operator drives it: built with what is rendered."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.cli import main

ROOT = Path(__file__).resolve().parents[3]
WORDS = "iommu.passthrough=0 iommu.strict=1"
INVENTORY = "all: {children: {neoverse: {hosts: {img-01: }}}}\n"
DEVICES = """\
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec:
  match: {device: {class: "0108"}}
  mapping: normal-nc
"""
FILES = (
    "etc/dracut.conf.d/fleetpolicy.conf",
    "etc/modprobe.d/fleetpolicy.conf",
    "etc/modules-load.d/fleetpolicy.conf",
    "etc/udev/rules.d/70-fleetpolicy.rules",
    "usr/lib/bootc/kargs.d/90-fleetpolicy.toml",
)

pytestmark = pytest.mark.ansible
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the one host of a fleet, built and never applied to."""
    shutil.copytree(
        ROOT / "inventories" / "demo",
        tmp_path / "fleet",
        ignore=shutil.ignore_patterns(".lab", "facts", "guests.yaml"),
    )
    monkeypatch.chdir(tmp_path)
    Path("fleet/hosts.yaml").write_text(INVENTORY)
    Path("fleet/policies/devices.yaml").write_text(DEVICES)
    group = Path("fleet/group_vars/neoverse.yaml")
    model = "fleetpolicy_model:\n"
    group.write_text(
        group.read_text().replace(model, f"{model}  loader: ostree\n  initramfs: dracut\n")
    )
    assert main(["validate", "-q", "-i", "fleet"]) == 0
    return tmp_path / "fleet/.lab/img-01"


@pytest.fixture
def run(host: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of commands on the fleet: status and what was printed."""
    assert host.exists()

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main([words[0], "-q", "-i", "fleet", *words[1:]])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def on_host(host: Path, program: str, *arguments: str) -> None:
    subprocess.run([f"{host}/usr/sbin/{program}", *arguments], check=True, capture_output=True)


def build_image(host: Path, tree: Path) -> None:
    """Put a rendered tree into the image, and boot it."""
    image = host / "sysroot/image"
    shutil.rmtree(image, ignore_errors=True)
    shutil.copytree(tree, image)
    on_host(host, "bootc", "upgrade")
    on_host(host, "reboot")


def test_image_that_is_built_with_what_is_rendered_is_green_and_one_without_is_drift(
    host: Path, run: Run
) -> None:
    status, text = run("plan")
    assert status == 3
    assert (
        f"why: the entry that boots next lacks {WORDS}\n"
        "  fix: build the image with /usr/lib/bootc/kargs.d/90-fleetpolicy.toml from fleetpolicy "
        "render -o DIR, and deploy it: bootc upgrade; or, for this machine alone or without bootc: "
        "rpm-ostree kargs --append-if-missing=iommu.passthrough=0 "
        "--append-if-missing=iommu.strict=1; reboot into it and collect the facts again\n"
    ) in text
    assert "why: nvme can be first at boot: /boot/ostree/lab-" in text
    assert not any((host / path).exists() for path in FILES)

    assert run("render", "-o", "tree")[0] == 0
    tree = Path("tree/img-01")
    assert (
        tuple(sorted(str(path.relative_to(tree)) for path in tree.rglob("*.*") if path.is_file()))
        == FILES
    )
    build_image(host, tree)
    assert f" {WORDS} ostree=" in (host / "proc/cmdline").read_text()
    before = {path: (host / path).stat().st_ino for path in FILES}
    assert run("apply", "--auto-approve")[0] == 0
    assert {path: (host / path).stat().st_ino for path in FILES} == before
    assert run("plan", "--detailed-exitcode") == (0, "Nothing to change on 1 host.\n")
    assert run("verify")[0] == 0
    assert run("drift", "--detailed-exitcode")[0] == 0

    # The next image has the files, and somebody forgot the words.
    (tree / FILES[-1]).write_text("kargs = []\n")
    build_image(host, tree)
    status, text = run("drift", "--detailed-exitcode")
    assert status == 2
    assert f"why: the entry that boots next lacks {WORDS}\n" in text
    assert run("verify")[0] == 4
    status, text = run("plan")
    assert (status, f"why: the entry that boots next lacks {WORDS}\n" in text) == (3, True)


def test_words_are_the_machines_own_where_its_operator_sets_them(host: Path, run: Run) -> None:
    assert run("render", "-o", "tree")[0] == 0
    tree = Path("tree/img-01")
    (tree / FILES[-1]).unlink()
    build_image(host, tree)
    appended = [f"--append-if-missing={word}" for word in WORDS.split()]
    status, text = run("plan")
    assert (status, f"rpm-ostree kargs {' '.join(appended)}; reboot" in text) == (3, True)

    on_host(host, "rpm-ostree", "kargs", *appended)
    status, text = run("plan")
    assert status == 3
    assert "why: what boots next is not known, as where a deployment is staged" in text
    on_host(host, "reboot")

    assert run("apply", "--auto-approve")[0] == 0
    assert run("plan", "--detailed-exitcode") == (0, "Nothing to change on 1 host.\n")
    assert not (host / FILES[-1]).exists()


def test_files_below_etc_are_applied_where_the_image_has_the_rest(host: Path, run: Run) -> None:
    assert run("render", "-o", "tree")[0] == 0
    build_image(host, Path("tree/img-01"))
    assert run("apply", "--auto-approve")[0] == 0
    images = {path: path.read_bytes() for path in (host / "boot").rglob("initramfs-*")}
    modprobe = host / FILES[1]
    rendered = modprobe.read_text()
    modprobe.write_text("# somebody else's\n")

    status, text = run("apply", "--auto-approve")

    assert status == 0, text
    assert modprobe.read_text() == rendered
    assert {path: path.read_bytes() for path in (host / "boot").rglob("initramfs-*")} == images
