"""The files of a host, fed to the programs and to the simulated boot that read them."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.fleet import Setting
from fleetpolicy.render import render
from fleetpolicy.simcore.boot import HostConfig, Initramfs, KernelBuild, PciFunction, simulate_boot
from tests.unit.render.fleets import (
    HEAD,
    NEW_LIBVIRT,
    NVME,
    NVME_FACTS,
    artifacts,
    gpu_policy,
    nvme_policy,
    rendered,
    resolved,
)

CMDLINE = "/etc/default/grub.d/99-fleetpolicy.cfg"
MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
MODULES = "/etc/modules-load.d/fleetpolicy.conf"
RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"

TAKEN = PciFunction(
    "0003:01:00.0",
    "pci:v0000144Dd0000A80Asv0000144Dsd0000A801bc01sc08i02",
    "144d", "a80a", "144d", "a801", "010802",
)  # fmt: skip
TWIN = PciFunction(
    "0004:01:00.0",
    "pci:v0000144Dd0000A80Asv0000144Dsd0000A801bc01sc08i02",
    "144d", "a80a", "144d", "a801", "010802",
)  # fmt: skip
ALIASES = (
    ("pci:v*d*sv*sd*bc01sc08i02*", "nvme"),
    ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci"),
)


def kernel(*, builtin: bool = False) -> KernelBuild:
    loadable = frozenset({"nvme", "vfio_pci"})
    built = frozenset({"vfio_pci"} if builtin else ())
    return KernelBuild(
        "6.12.107", built, loadable - built, ALIASES, drivers={"vfio_pci": "vfio-pci"}
    )


@pytest.mark.accepts("FP401", "FP403")
def test_cmdline_drop_in_is_read_back_by_a_shell(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, gpu_policy())
    path = tmp_path / "drop-in.cfg"
    path.write_text(files[CMDLINE].content)

    read = subprocess.run(
        ["sh", "-uc", f'GRUB_CMDLINE_LINUX="quiet"; . {path}; printf %s "$GRUB_CMDLINE_LINUX"'],
        capture_output=True,
        text=True,
        check=True,
    )

    assert read.stdout == "quiet iommu.strict=1 iommu.passthrough=0"


@pytest.mark.shows("FP401")
def test_cmdline_of_an_unknown_loader_is_refused(tmp_path: Path) -> None:
    files, findings = rendered(tmp_path, HEAD + NVME.replace("MAPPING", "normal-nc"),
                               boot={"loader": None})  # fmt: skip

    assert CMDLINE not in files
    assert [(item.rule.id, item.why) for item in findings] == [
        (
            "FP401",
            (
                "the host did not show a boot loader that is known here (GRUB, GRUB "
                "with boot loader entries, systemd-boot)"
            ),
        )
    ]


@pytest.mark.shows("FP402")
def test_files_of_an_unknown_initramfs_are_refused(tmp_path: Path) -> None:
    _, findings = rendered(tmp_path, nvme_policy(), boot={"initramfs": None})

    assert [(item.rule.id, item.why) for item in findings if item.rule.id == "FP402"] == [
        (
            "FP402",
            f"{MODPROBE} has a copy in the initramfs, and the host did not show what makes it",
        )
    ]


def test_parameters_of_a_built_in_module_go_to_the_command_line(tmp_path: Path) -> None:
    modules = {"vfio_pci": "builtin", "vfio_pci_core": "builtin", "vfio": "builtin"}

    files, _ = rendered(tmp_path, nvme_policy(), modules=modules)

    assert files[CMDLINE].content.splitlines()[-1].endswith(' vfio_pci.disable_idle_d3=Y"')
    assert MODPROBE not in files
    assert MODULES not in files


def test_files_name_the_lines_of_policy_that_caused_them(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy())

    origins = {path: [(span.line, span.column) for span in files[path].origins] for path in files}

    assert origins[CMDLINE] == [(5, 39), (5, 63)]
    assert origins[MODULES] == [(11, 1)]


@pytest.mark.accepts("FP402")
@pytest.mark.parametrize("builtin", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_files_bind_the_device_at_boot_and_leave_its_twin(
    tmp_path: Path,
    builtin: bool,  # noqa: FBT001 a parameter of the test
    copied: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    modules = dict.fromkeys(("vfio_pci", "vfio"), "builtin" if builtin else "module")
    files, _ = rendered(tmp_path, nvme_policy(), modules=modules)
    texts = {path: item.content for path, item in files.items()}
    own = {path: {path: texts[path]} if path in texts else {} for path in (MODPROBE, RULES)}
    initramfs = Initramfs(
        own[MODPROBE] if copied else {}, own[RULES] if copied else {}, frozenset({"nvme"})
    )

    trace = simulate_boot(
        HostConfig(
            kernel(builtin=builtin),
            "ro vfio_pci.disable_idle_d3=Y" if builtin else "ro",
            own[MODPROBE],
            {MODULES: texts[MODULES]} if MODULES in texts else {},
            own[RULES],
            initramfs,
            (TAKEN, TWIN),
        )
    )

    assert trace.owners == {"0003:01:00.0": "vfio-pci", "0004:01:00.0": "nvme"}
    assert trace.races == ()
    assert trace.parameters["vfio_pci"] == {"disable_idle_d3": "Y"}


@pytest.mark.parametrize("copied", [False, True])
def test_native_driver_that_a_twin_loads_gets_no_hold_of_the_device(
    tmp_path: Path,
    copied: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    files, _ = rendered(tmp_path, nvme_policy())
    own = {path: {path: files[path].content} for path in (MODPROBE, MODULES, RULES)}
    first = replace(TWIN, address="0002:01:00.0")
    carried = frozenset({"nvme", "vfio_pci"})
    image = Initramfs(own[MODPROBE], own[RULES], carried) if copied else None

    trace = simulate_boot(
        HostConfig(kernel(), "ro", own[MODPROBE], own[MODULES], own[RULES], image, (first, TAKEN))
    )

    held = [event.what for event in trace.events if event.subject == TAKEN.address]
    assert trace.owners == {"0002:01:00.0": "nvme", "0003:01:00.0": "vfio-pci"}
    assert [what for what in held if what.startswith("bound to")] == [
        "bound to vfio-pci: driver_override=vfio-pci"
    ]


GPU = ("pci:v000010DEd00002342sv000010DEsd000016EBbc03sc02i00", "10de", "2342", "10de", "16eb",
       "030200")  # fmt: skip
GPU_KERNEL = KernelBuild(
    "6.17.4",
    frozenset(),
    frozenset({"nvidia", "vfio_pci", "nvgrace_gpu_vfio_pci"}),
    (
        ("pci:v000010DEd*sv*sd*bc03sc02i00*", "nvidia"),
        ("vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*", "nvgrace_gpu_vfio_pci"),
        ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci"),
    ),
    drivers={"vfio_pci": "vfio-pci"},
)


@pytest.mark.parametrize("carried", [{"nvidia"}, {"nvidia", "nvgrace_gpu_vfio_pci"}, set()])
def test_files_bind_a_gpu_to_its_variant_driver_and_leave_its_twin(
    tmp_path: Path, carried: set[str]
) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)
    texts = {path: {path: files[path].content} for path in (MODPROBE, MODULES, RULES)}
    taken, twin = (PciFunction(address, *GPU) for address in ("0009:01:00.0", "0019:01:00.0"))
    initramfs = Initramfs(texts[MODPROBE], texts[RULES], frozenset(carried))

    trace = simulate_boot(
        HostConfig(
            GPU_KERNEL,
            "ro",
            texts[MODPROBE],
            texts[MODULES],
            texts[RULES],
            initramfs,
            (taken, twin),
        )
    )

    assert trace.owners == {"0009:01:00.0": "nvgrace_gpu_vfio_pci", "0019:01:00.0": "nvidia"}
    assert trace.races == ()


def test_files_say_what_they_always_said(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)

    assert files[MODPROBE].content == (
        "# Generated by fleetpolicy; do not edit.\n"
        "options vfio_pci disable_idle_d3=Y\n"
        "softdep nvidia pre: nvgrace_gpu_vfio_pci\n"
    )
    assert files[MODULES].content == (
        "# Generated by fleetpolicy; do not edit.\nnvgrace_gpu_vfio_pci\n"
    )
    assert {files[path].mode for path in (CMDLINE, MODPROBE, MODULES, RULES)} == {0o644}


DRACUT = "/etc/dracut.conf.d/fleetpolicy.conf"
HOOK = "/etc/initramfs-tools/hooks/fleetpolicy"


def built_in(*, native: bool) -> dict[str, object]:
    return {"devices": [NVME_FACTS | {"nativeBuiltIn": native}]}


def test_dracut_gets_a_drop_in_with_drivers_rules_and_options(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy(), boot={"initramfs": "dracut"})

    assert files[DRACUT].content == (
        "# Generated by fleetpolicy; do not edit.\n"
        'add_drivers+=" vfio_pci "\n'
        f'install_items+=" {MODPROBE} {RULES} "\n'
    )
    assert HOOK not in files


def test_dracut_drop_in_names_no_driver_that_is_built_in(tmp_path: Path) -> None:
    modules = dict.fromkeys(("vfio_pci", "vfio"), "builtin")

    files, _ = rendered(tmp_path, nvme_policy(), boot={"initramfs": "dracut"}, modules=modules)

    assert files[DRACUT].content.splitlines()[1:] == [f'install_items+=" {RULES} "']


def test_dracut_of_a_host_that_gives_nothing_away_gets_none(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, HEAD, boot={"initramfs": "dracut"})

    assert DRACUT not in files


def test_initramfs_tools_gets_a_hook_where_the_native_driver_is_built_in(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy(), **built_in(native=True))

    assert files[HOOK].content == (
        "#!/bin/sh\n"
        "# Generated by fleetpolicy; do not edit.\n"
        "case ${1-} in\n"
        "prereqs) exit 0 ;;\n"
        "esac\n"
        ". /usr/share/initramfs-tools/hook-functions\n"
        "manual_add_modules vfio_pci\n"
    )
    assert files[HOOK].mode == 0o755


def test_initramfs_tools_gets_no_hook_where_a_softdep_brings_the_driver(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy(), **built_in(native=False))

    assert HOOK not in files
    assert "softdep nvme pre: vfio_pci\n" in files[MODPROBE].content


def test_softdep_of_a_native_driver_keeps_what_its_own_softdep_asks_for(tmp_path: Path) -> None:
    own = {"nvme": {"pre": ["realtek"], "post": ["late"]}}

    files, _ = rendered(tmp_path, nvme_policy(), nativeSoftdeps=own)

    assert files[MODPROBE].content.splitlines()[-1] == (
        "softdep nvme pre: realtek vfio_pci post: late"
    )


def test_softdep_of_a_native_driver_names_every_driver_that_takes_its_devices(
    tmp_path: Path,
) -> None:
    second = NVME_FACTS | {"address": "0005:01:00.0", "id": "144d:a808", "iommuGroup": 33}
    other = NVME.replace("nvme", "other").replace("0003", "0005")
    policy = (HEAD + NVME + other).replace("MAPPING", "normal-nc")
    fleet = resolved(tmp_path, policy, devices=[NVME_FACTS, second])
    host_class = fleet.classes[0]
    driver = replace(host_class.assignments[1].driver, module="mlx5_vfio_pci")
    mixed = (host_class.assignments[0], replace(host_class.assignments[1], driver=driver))
    odd = replace(fleet, classes=(replace(host_class, assignments=mixed),))

    content = artifacts(odd, render(odd)[0])[MODPROBE].content

    assert content.splitlines()[-1] == "softdep nvme pre: mlx5_vfio_pci vfio_pci"


def test_rules_of_another_device_at_the_address_bind_nothing(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy())
    moved = PciFunction(TAKEN.address, TWIN.modalias, "144d", "a80b", "0", "0", "010802")

    trace = simulate_boot(
        HostConfig(kernel(), "ro", {}, {}, {RULES: files[RULES].content}, None, (moved,))
    )

    assert trace.owners == {"0003:01:00.0": "nvme"}


def test_render_twice_gives_equal_bytes(tmp_path: Path) -> None:
    first, _ = rendered(tmp_path, nvme_policy())
    second, _ = rendered(tmp_path, nvme_policy())

    assert first == second


@pytest.mark.shows("FP403")
def test_cmdline_word_that_a_shell_would_change_is_refused(tmp_path: Path) -> None:
    fleet = resolved(tmp_path, gpu_policy())
    host_class = fleet.classes[0]
    setting = Setting("console", "$(reboot)", Span("policy.yaml", 5, 1))
    odd = replace(fleet, classes=(replace(host_class, settings=(setting,)),))

    rendering, findings = render(odd)

    assert CMDLINE not in artifacts(odd, rendering)
    assert [(item.rule.id, item.why) for item in findings if item.rule.id == "FP403"] == [
        (
            "FP403",
            "the word 'console=$(reboot)' holds a character that the shell or GRUB would change",
        )
    ]
