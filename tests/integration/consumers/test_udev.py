"""udev against the binding rules: what it says of their form, and what it writes to sysfs."""

import os
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from tests.integration.consumers.programs import needs, provided
from tests.unit.render.fleets import NEW_LIBVIRT, NVME_FACTS, gpu_policy, nvme_policy, rendered

RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"
NVME = "0003:01:00.0"
ARCHES = {
    "x86_64": ("amd64", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "ld-linux-aarch64.so.1"),
}
FIRST_WITH_VERIFY = 254
# A private /sys with one function on it, and our rules alone.
SANDBOX = """\
set -eu
mount -t tmpfs tmpfs /sys
mkdir -p /sys/bus/pci/devices
for name in nvme mlx5_core vfio-pci; do mkdir -p "/sys/bus/pci/drivers/$name"; done

# add ADDRESS VENDOR DEVICE DRIVER
add() {
    device=/sys/devices/pci0003:00/$1
    mkdir -p "$device"
    cd "$device"
    ln -s ../../../bus/pci subsystem
    ln -s "../../../devices/pci0003:00/$1" /sys/bus/pci/devices/
    [ -z "$4" ] || ln -s "../../../bus/pci/drivers/$4" driver
    printf '%s\\n' "$2" >vendor
    printf '%s\\n' "$3" >device
    printf '(null)\\n' >driver_override
    printf 'DRIVER=%s\\nPCI_SLOT_NAME=%s\\nMODALIAS=pci:v0000144D\\n' "$4" "$1" >uevent
}

[ "$ADDRESS" = "$OTHER" ] || add "$OTHER" 0x144d 0xa80a ''
add "$ADDRESS" "$VENDOR" "$DEVICE" "$DRIVER"
for file in /sys/bus/pci/drivers_probe /sys/bus/pci/drivers/*; do
    [ -d "$file" ] && file=$file/unbind
    : >"$file"
done
mount --bind "$RULES" /etc/udev/rules.d
SYSTEMD_DEVICE_VERIFY_SYSFS=0 "$UDEVADM" test --action=add "$device" 2>&1
echo "override $(cat driver_override)"
echo "reserved $(cat "/sys/bus/pci/devices/$OTHER/driver_override")"
echo "probed $(cat /sys/bus/pci/drivers_probe)"
echo "unbound $(cat /sys/bus/pci/drivers/*/unbind)"
"""
Verify = Callable[[str], subprocess.CompletedProcess[str]]


def rules_of(folder: Path, policy: str | None = None, **changes: Any) -> str:
    files, _ = rendered(folder, policy or nvme_policy(), **changes)
    return files[RULES].content


@pytest.fixture(scope="module")
def udevadm() -> list[str]:
    """Return the command of an udevadm that can verify: the machine's, or Debian 13's."""
    own = needs("udevadm")
    said = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", said)[0]) >= FIRST_WITH_VERIFY:
        return [own]
    arch, loader = ARCHES[platform.machine()]
    with provided("udev of Debian 13"):
        apt = Apt(("trixie",), arch)
        apt.update()
        packages = apt.resolve(["udev"])

        def make(folder: Path) -> None:
            for path in fetch(packages, print):
                unpack(path, folder)

        root = cached("programs", f"udev_{digest_of(packages)}", make)
    libraries = sorted({str(path.parent) for path in (root / "usr/lib").rglob("lib*.so*")})
    found = next(root.rglob(loader))
    return [str(found), "--library-path", ":".join(libraries), str(root / "usr/bin/udevadm")]


@pytest.fixture
def verify(udevadm: list[str], tmp_path: Path) -> Verify:
    def ask(text: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "70-fleetpolicy.rules"
        path.write_text(text)
        command = [*udevadm, "verify", "--resolve-names=never", str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return ask


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        (nvme_policy(), {}),
        (nvme_policy(), {"modules": {"vfio_pci": "builtin", "vfio": "builtin"}}),
        (gpu_policy(), NEW_LIBVIRT),
    ],
    ids=["loadable", "built-in", "variant"],
)
def test_udevadm_verify_accepts_our_rules(
    verify: Verify, tmp_path: Path, policy: str, changes: dict[str, Any]
) -> None:
    done = verify(rules_of(tmp_path, policy, **changes))

    assert (done.returncode, done.stderr) == (0, "")
    assert "Success: 1" in done.stdout


def test_udevadm_verify_refuses_rules_that_are_broken(verify: Verify, tmp_path: Path) -> None:
    done = verify(rules_of(tmp_path).replace('ACTION=="add"', 'ACTIONS=="add"'))

    assert done.returncode == 1
    assert "Fail:    1" in done.stdout


def process(
    folder: Path, address: str, device: str, driver: str, **facts: Any
) -> dict[str, list[str]]:
    """Let udev process the add event of a function; return what it wrote and what it would run.

    Args:
        folder: For files.
        address: Of the function.
        device: Its vendor and number, 144d:a80a.
        driver: That it is bound to, empty without one.
        facts: What the host showed, where it differs from the sample.
    """
    rules = folder / "rules.d"
    rules.mkdir()
    (rules / "70-fleetpolicy.rules").write_text(rules_of(folder, **facts))
    vendor, number = device.split(":")
    unshare = [needs("unshare"), "--mount", *(["--map-root-user"] if os.getuid() else [])]
    done = subprocess.run(
        [*unshare, "sh", "-c", SANDBOX],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "UDEVADM": needs("udevadm"),
            "RULES": str(rules),
            "ADDRESS": address,
            "OTHER": NVME,
            "VENDOR": f"0x{vendor}",
            "DEVICE": f"0x{number}",
            "DRIVER": driver,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "mount" in done.stderr and os.getuid():
        pytest.skip(f"no mounts in a user namespace here: {done.stderr}")
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key in {"override", "reserved", "probed", "unbound"}:
            found[key] = [rest] if rest else []
    found["runs"] = list(
        dict.fromkeys(re.findall(r"'?(kmod load \w*vfio\w*)'?$", done.stdout, re.MULTILINE))
    )
    return found


def test_udev_binds_a_function_that_has_no_driver(tmp_path: Path) -> None:
    assert process(tmp_path, NVME, "144d:a80a", "") == {
        "override": ["vfio-pci"],
        "reserved": ["vfio-pci"],
        "probed": [NVME],
        "unbound": [],
        "runs": ["kmod load vfio_pci"],
    }


def test_udev_takes_a_function_from_its_native_driver(tmp_path: Path) -> None:
    assert process(tmp_path, NVME, "144d:a80a", "nvme") == {
        "override": ["vfio-pci"],
        "reserved": ["vfio-pci"],
        "probed": [NVME],
        "unbound": [NVME],
        "runs": ["kmod load vfio_pci"],
    }


def test_udev_leaves_a_function_on_its_vfio_driver(tmp_path: Path) -> None:
    assert process(tmp_path, NVME, "144d:a80a", "vfio-pci")["unbound"] == []


def test_udev_leaves_another_device_at_the_address_alone(tmp_path: Path) -> None:
    assert process(tmp_path, NVME, "144d:a80b", "nvme") == {
        "override": ["(null)"],
        "reserved": ["(null)"],
        "probed": [],
        "unbound": [],
        "runs": [],
    }


def test_udev_reserves_at_the_event_of_a_twin_and_leaves_the_twin(tmp_path: Path) -> None:
    assert process(tmp_path, "0003:02:00.0", "144d:a80a", "nvme") == {
        "override": ["(null)"],
        "reserved": ["vfio-pci"],
        "probed": [],
        "unbound": [],
        "runs": [],
    }


def test_udev_binds_a_virtual_function_at_its_own_event(tmp_path: Path) -> None:
    alias = {"pattern": "vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*", "module": "mlx5_vfio_pci"}
    virtual = NVME_FACTS | {
        "id": "15b3:101e",
        "class": "020000",
        "modalias": "pci:v000015B3d0000101Esv000015B3sd00000019bc02sc00i00",
        "nativeDriver": "mlx5_core",
    }

    found = process(
        *(tmp_path, NVME, "15b3:101e", "mlx5_core"),
        policy=nvme_policy().replace("144d:a80a", "15b3:101e"),
        devices=[virtual],
        vfioAliases=[alias],
        modules={"mlx5_vfio_pci": "module"},
    )

    assert found == {
        "override": ["mlx5_vfio_pci"],
        "reserved": ["mlx5_vfio_pci"],
        "probed": [NVME],
        "unbound": [NVME],
        "runs": ["kmod load mlx5_vfio_pci"],
    }
