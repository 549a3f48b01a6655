"""systemd's own programs make and read the boot loader entries that the agent keeps words in."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetpolicy.lab import build
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.simulated import SimulatedHost
from tests.integration.consumers.programs import needs
from tests.integration.consumers.rooms import run_in_room

Load = Callable[[str], ModuleType]
LEGAL = "ABCXYZabcxyz0189_.,:=+/@%*![]-"
MACHINE = "0123456789abcdef0123456789abcdef"
PLUGIN = "/usr/lib/kernel/install.d/90-loaderentry.install"
VERSIONS = st.from_regex(r"[0-9a-c]{1,3}([.~^_-][0-9a-c]{1,3}){0,4}", fullmatch=True)
NEW = "6.13.0-arm64"
MODEL = {
    "arch": "aarch64",
    "kernel": "6.12.1-arm64",
    "kernels": {"6.12.1-arm64": {"normalNcMarker": True, "cacheableCapability": "unknown"}},
    "cpu": {"model": "Neoverse-N1"},
    "firmware": {"vendor": "Demo", "product": "Demo"},
    "loader": "systemd-boot",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a simulated host that boots by systemd-boot."""
    host = InventoryHost(
        "sd-01", ("all",), {}, str(tmp_path / "sd-01"), SimulatedHost.model_validate(MODEL)
    )
    build(host)
    return Path(host.root)


def install_kernel(root: Path) -> Path:
    """Have kernel-install make an entry for a new kernel, and return it."""
    (root / "etc/kernel/entry-token").write_text("os-image\n")
    (root / "etc/kernel/install.conf").write_text("layout=bls\n")
    needs(PLUGIN)
    subprocess.run(
        [needs("kernel-install"), "add", NEW, str(root / "boot/vmlinuz-6.12.1-arm64")],
        check=True,
        capture_output=True,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "BOOT_ROOT": str(root / "boot"),
            "KERNEL_INSTALL_CONF_ROOT": str(root / "etc/kernel"),
            "KERNEL_INSTALL_PLUGINS": PLUGIN,
            "MACHINE_ID": MACHINE,
        },
    )
    return root / f"boot/loader/entries/os-image-{NEW}.conf"


def listed(root: Path) -> list[dict[str, Any]]:
    """Return the entries as bootctl lists them: the order of systemd-boot's menu."""
    done = bootctl(root, "--json=short")
    return [json.loads(line) for line in done.splitlines()]


def bootctl(root: Path, *options: str) -> str:
    boot = root / "boot"
    done = run_in_room(
        [needs("bootctl"), f"--esp-path={boot}", *options, "list"],
        {str(boot): boot},
        SYSTEMD_RELAX_ESP_CHECKS="1",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(agent_module: Load, root: Path, before: str, after: str) -> None:
    """Have the agent change the shared files as for another list of words."""
    host = agent_module("host").Host(str(root))
    changes = agent_module("shared").shared_changes(host, before.encode(), after.encode())
    for change in changes:
        change.stage()
        change.commit()


def test_entry_of_a_new_kernel_has_our_words(root: Path, agent_module: Load) -> None:
    put(agent_module, root, "", "iommu.strict=1\nhugepages=16\n")

    entry = install_kernel(root)

    (made,) = [item for item in listed(root) if item["id"] == entry.name]
    assert made["options"].endswith(" ro quiet iommu.strict=1 hugepages=16")
    written = {item["options"] for item in listed(root)}
    assert written == {made["options"]}

    put(agent_module, root, "iommu.strict=1\nhugepages=16\n", "")

    assert {item["options"] for item in listed(root)} == {
        made["options"].removesuffix(" iommu.strict=1 hugepages=16")
    }


def test_every_legal_character_survives_kernel_install(root: Path, agent_module: Load) -> None:
    words = [f"k.{number}={a}x{a}{a}x" for number, a in enumerate(LEGAL)]
    put(agent_module, root, "", "".join(f"{word}\n" for word in words))

    entry = install_kernel(root)

    (made,) = [item for item in listed(root) if item["id"] == entry.name]
    assert made["options"].split()[3:] == words


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    entries=st.dictionaries(
        st.sampled_from(("a-6.9", "a-6.12.1", "a-6.12.1-rc1", "b-7.0", "b-6.13+0-3", "c-6.2+2")),
        st.tuples(
            st.sampled_from(("", "debian", "zz")),
            st.sampled_from(("6.9", "6.12.1", "6.12.10", "7.0", "6.12~rc1", "6.12")),
        ),
        min_size=1,
    ),
    default=st.sampled_from(("", "a-*", "b-7.0.conf", "nothing-*", "c-6.2.conf")),
)
def test_entry_that_boots_next_is_the_one_that_bootctl_says(
    tmp_path: Path,
    agent_module: Load,
    entries: dict[str, tuple[str, str]],
    default: str,
) -> None:
    folder = tmp_path / "boot/loader/entries"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    (tmp_path / "boot/linux").write_text("")
    setting = f"default {default}\n" if default else ""
    (tmp_path / "boot/loader/loader.conf").write_text(f"timeout 3\n{setting}")
    for name, (key, version) in entries.items():
        sorting = f"sort-key {key}\nmachine-id {MACHINE}\n" if key else ""
        text = f"title {name}\nversion {version}\n{sorting}linux /linux\noptions name={name}\n"
        (folder / f"{name}.conf").write_text(text)

    chosen = agent_module("entries").chosen_by_systemd_boot(
        agent_module("host").Host(str(tmp_path)), "/boot"
    )

    blocks = bootctl(tmp_path).split("\n\n")
    (told,) = [block for block in blocks if "(default)" in block]
    assert f"options: name={chosen.value('options').removeprefix('name=')}\n" in f"{told}\n"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=VERSIONS, other=VERSIONS)
def test_versions_are_ordered_as_systemd_orders_them(
    agent_module: Load, one: str, other: str
) -> None:
    key = agent_module("versions").version_key
    expected = "lt" if key(one) < key(other) else "gt" if key(one) > key(other) else "eq"

    done = subprocess.run(
        [needs("systemd-analyze"), "compare-versions", one, expected, other], check=False
    )

    assert done.returncode == 0
