"""Boot hosts on paper: who owns each function, and why."""

from collections.abc import Mapping

import pytest

from fleetpolicy.simcore.boot import (
    BootTrace,
    HostConfig,
    Ignored,
    Initramfs,
    KernelBuild,
    ModuleSoftdep,
    PciFunction,
    Race,
    Stage,
    simulate_boot,
)

BRIDGE, GPU, ROOT_DISK, DATA_DISK, NIC = (
    "0000:00:00.0",
    "0000:01:00.0",
    "0000:02:00.0",
    "0000:03:00.0",
    "0000:04:00.0",
)
MODPROBE = "/etc/modprobe.d/vfio.conf"
RULES = "/etc/udev/rules.d/70-vfio.rules"
LOAD = "/etc/modules-load.d/vfio.conf"


def function(address: str, identity: str, class_code: str) -> PciFunction:
    vendor, _, device = identity.partition(":")
    modalias = (
        f"pci:v0000{vendor.upper()}d0000{device.upper()}sv0000{vendor.upper()}sd00000001"
        f"bc{class_code[:2]}sc{class_code[2:4]}i{class_code[4:]}"
    )
    return PciFunction(address, modalias, vendor, device, vendor, "0001", class_code)


DEVICES = (
    function(BRIDGE, "10de:22b1", "060400"),
    function(GPU, "10de:2342", "030200"),
    function(ROOT_DISK, "144d:a808", "010802"),
    function(DATA_DISK, "144d:a808", "010802"),
    function(NIC, "15b3:1021", "020000"),
)
ALIASES = (
    ("pci:v000010DEd*sv*sd*bc03sc02i00*", "nouveau"),
    ("pci:v*d*sv*sd*bc01sc08i02*", "nvme"),
    ("pci:v000015B3d00001021sv*sd*bc*sc*i*", "mlx5_core"),
    ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci"),
    ("vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*", "nvgrace_gpu_vfio_pci"),
)
KERNEL = KernelBuild(
    release="6.12.107",
    builtin=frozenset(),
    modules=frozenset(
        {"nouveau", "nvme", "mlx5_core", "vfio_pci", "vfio_pci_core", "nvgrace_gpu_vfio_pci"}
    ),
    aliases=ALIASES,
    parameters={
        "vfio_pci": frozenset({"ids", "disable_idle_d3"}),
        "nouveau": frozenset({"modeset"}),
    },
    drivers={"vfio_pci": "vfio-pci"},
    dependencies={
        "vfio_pci": ("vfio_pci_core",),
        "nvgrace_gpu_vfio_pci": ("vfio_pci_core",),
    },
)
BUILT_IN_VFIO = KernelBuild(
    release="6.12.107",
    builtin=frozenset({"vfio_pci", "vfio_pci_core", "nvme"}),
    modules=frozenset({"nouveau", "mlx5_core"}),
    aliases=ALIASES,
    parameters=KERNEL.parameters,
    drivers=KERNEL.drivers,
)
NATIVE = {
    BRIDGE: None,
    GPU: "nouveau",
    ROOT_DISK: "nvme",
    DATA_DISK: "nvme",
    NIC: "mlx5_core",
}
Files = Mapping[str, str]
NONE: Files = {}


def initramfs(*modules: str, modprobe: Files = NONE, rules: Files = NONE) -> Initramfs:
    return Initramfs(modprobe, rules, frozenset(modules))


def boot(
    kernel: KernelBuild = KERNEL,
    cmdline: str = "ro quiet",
    files: Files = NONE,
    initial: Initramfs | None = None,
) -> BootTrace:
    """Boot with files sorted to their readers by their folder."""
    chosen = {
        kind: {path: text for path, text in files.items() if f"/{kind}/" in path}
        for kind in ("modprobe.d", "modules-load.d", "rules.d")
    }
    config = HostConfig(
        kernel,
        cmdline,
        chosen["modprobe.d"],
        chosen["modules-load.d"],
        chosen["rules.d"],
        initial,
        DEVICES,
    )
    return simulate_boot(config)


def why(trace: BootTrace, address: str) -> str:
    event = trace.reason(address)
    return f"{event.stage}: {event.what} ({event.cause})"


def unused(trace: BootTrace) -> list[str]:
    return [f"{item.setting}: {item.why}" for item in trace.ignored]


SEEN = (
    '/usr/lib/udev/rules.d/80-drivers.rules:1: ACTION=="add", ENV{MODALIAS}=="?*", '
    'RUN{builtin}+="kmod load", for '
)
NO_ALIAS = "root: no driver: no module has an alias that fits (modalias: "


def test_plain_host_gives_every_function_to_its_native_driver() -> None:
    trace = boot()

    assert trace.owners == NATIVE
    assert why(trace, GPU) == (
        f"root: bound to nouveau: alias pci:v000010DEd*sv*sd*bc03sc02i00* ({SEEN}{GPU})"
    )
    assert why(trace, BRIDGE) == f"{NO_ALIAS}{DEVICES[0].modalias})"
    assert trace.ignored == ()
    assert trace.races == ()


def test_built_in_vfio_pci_takes_ids_from_the_command_line() -> None:
    trace = boot(BUILT_IN_VFIO, "ro vfio-pci.ids=10de:2342")

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert why(trace, GPU) == (
        "kernel: bound to vfio-pci: its id 10de:2342 was given "
        "(kernel command line: vfio-pci.ids=10de:2342)"
    )
    assert trace.parameters["vfio_pci"] == {"ids": "10de:2342"}


def test_built_in_vfio_pci_takes_no_ids_from_modprobe_d() -> None:
    trace = boot(BUILT_IN_VFIO, files={MODPROBE: "options vfio-pci ids=10de:2342\n"})

    assert trace.owners == NATIVE
    assert unused(trace) == [
        (
            f"{MODPROBE}:1: options vfio-pci ids=10de:2342: "
            "vfio_pci is built into the kernel: only the command line reaches it"
        )
    ]


def test_built_in_module_reads_nothing_behind_the_dashes() -> None:
    trace = boot(BUILT_IN_VFIO, "ro -- vfio-pci.ids=10de:2342")

    assert trace.owners == NATIVE
    assert unused(trace) == [
        (
            "kernel command line: vfio-pci.ids=10de:2342: "
            'vfio_pci is built in, and the kernel reads nothing behind "--"'
        )
    ]


def test_ids_that_match_the_boot_disk_too_take_it() -> None:
    early = Initramfs(
        {MODPROBE: "options vfio-pci ids=144d:a808\n"},
        {},
        frozenset({"vfio_pci", "vfio_pci_core", "nvme"}),
        early=("vfio_pci",),
    )

    trace = boot(initial=early)

    assert trace.owners == {**NATIVE, ROOT_DISK: "vfio-pci", DATA_DISK: "vfio-pci"}
    assert why(trace, ROOT_DISK) == (
        "initramfs: bound to vfio-pci: its id 144d:a808 was given "
        f"({MODPROBE}:1: options vfio-pci ids=144d:a808)"
    )


def test_ids_come_too_late_for_a_disk_whose_driver_is_built_in() -> None:
    trace = boot(BUILT_IN_VFIO, "ro vfio-pci.ids=144d:a808")

    assert trace.owners == NATIVE
    assert why(trace, DATA_DISK) == (
        "kernel: stays with nvme: vfio-pci came later (kernel command line: vfio-pci.ids=144d:a808)"
    )


def test_missing_softdep_lets_the_native_driver_win_and_is_a_race() -> None:
    trace = boot(files={MODPROBE: "options vfio-pci ids=10de:2342\n", LOAD: "vfio-pci\n"})

    assert trace.owners == NATIVE
    assert why(trace, GPU) == (
        "root: stays with nouveau: vfio-pci came later "
        f"({MODPROBE}:1: options vfio-pci ids=10de:2342)"
    )
    assert trace.races == (Race(GPU, ("nouveau", "vfio-pci")),)


def test_softdep_loads_vfio_pci_before_the_native_driver() -> None:
    lines = "options vfio-pci ids=10de:2342\nsoftdep nouveau pre: vfio-pci\n"

    trace = boot(files={MODPROBE: lines, LOAD: "vfio-pci\n"})

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert why(trace, GPU) == (
        "root: bound to vfio-pci: its id 10de:2342 was given "
        f"({MODPROBE}:1: options vfio-pci ids=10de:2342)"
    )
    assert trace.races == ()


def test_softdep_of_the_modules_themselves_counts_too() -> None:
    kernel = KernelBuild(
        release=KERNEL.release,
        builtin=KERNEL.builtin,
        modules=KERNEL.modules,
        aliases=ALIASES,
        softdeps={"nouveau": ModuleSoftdep(pre=("vfio_pci",))},
        drivers=KERNEL.drivers,
    )

    trace = boot(kernel, files={MODPROBE: "options vfio-pci ids=10de:2342\n"})

    assert trace.owners[GPU] == "vfio-pci"


def test_stale_initramfs_gives_the_gpu_to_the_native_driver() -> None:
    lines = "options vfio-pci ids=10de:2342\nsoftdep nouveau pre: vfio-pci\n"
    stale = initramfs("nouveau", "nvme", "vfio_pci", "vfio_pci_core")

    trace = boot(files={MODPROBE: lines, LOAD: "vfio-pci\n"}, initial=stale)

    assert trace.owners == NATIVE
    assert trace.reason(GPU).stage is Stage.ROOT
    assert why(trace, GPU) == (
        "root: stays with nouveau: vfio-pci came later "
        f"({MODPROBE}:1: options vfio-pci ids=10de:2342)"
    )


def test_fresh_initramfs_gives_the_gpu_to_vfio_pci() -> None:
    lines = "options vfio-pci ids=10de:2342\nsoftdep nouveau pre: vfio-pci\n"
    fresh = initramfs("nouveau", "nvme", "vfio_pci", "vfio_pci_core", modprobe={MODPROBE: lines})

    trace = boot(files={MODPROBE: lines}, initial=fresh)

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert trace.reason(GPU).stage is Stage.INITRAMFS
    assert trace.ignored == ()


def test_stale_options_of_the_initramfs_win_and_those_of_the_root_are_unused() -> None:
    old, new = "options vfio-pci ids=15b3:1021\n", "options vfio-pci ids=10de:2342\n"
    stale = Initramfs(
        {MODPROBE: old},
        {},
        frozenset({"vfio_pci", "vfio_pci_core", "nvme"}),
        early=("vfio-pci",),
    )

    trace = boot(files={MODPROBE: new}, initial=stale)

    assert trace.owners == {**NATIVE, NIC: "vfio-pci"}
    assert unused(trace) == [
        (
            f"{MODPROBE}:1: options vfio-pci ids=10de:2342: "
            "vfio_pci was loaded in the initramfs stage, under the files of that stage"
        )
    ]


def test_module_that_the_initramfs_lacks_is_loaded_from_the_root() -> None:
    softdep = {MODPROBE: "softdep nouveau pre: vfio-pci\noptions vfio-pci ids=10de:2342\n"}
    lean = initramfs("nouveau", "nvme", modprobe=softdep)

    trace = boot(files=softdep, initial=lean)

    assert trace.owners[GPU] == "nouveau"
    assert trace.reason(GPU).stage is Stage.INITRAMFS
    lacking = [event.what for event in trace.events if event.subject == "vfio_pci"]
    assert lacking == []  # a softdep on a module that is not carried is passed over in silence


OVERRIDE = 'SUBSYSTEM=="pci", KERNEL=="{}", ATTR{{driver_override}}="{}"\n'


def test_variant_driver_takes_the_gpu_by_override() -> None:
    trace = boot(
        files={
            RULES: OVERRIDE.format(GPU, "nvgrace_gpu_vfio_pci"),
            LOAD: "nvgrace_gpu_vfio_pci\n",
        }
    )

    assert trace.owners == {**NATIVE, GPU: "nvgrace_gpu_vfio_pci"}
    assert trace.overrides == {GPU: "nvgrace_gpu_vfio_pci"}
    assert why(trace, GPU) == (
        "root: bound to nvgrace_gpu_vfio_pci: driver_override=nvgrace_gpu_vfio_pci "
        f"({RULES}:1: {OVERRIDE.format(GPU, 'nvgrace_gpu_vfio_pci').strip()})"
    )
    # Loaded before the override is written, the driver is not asked again.
    assert trace.races == (Race(GPU, ("nvgrace_gpu_vfio_pci", None)),)


def test_override_with_dashes_names_no_driver() -> None:
    rule = OVERRIDE.format(GPU, "nvgrace-gpu-vfio-pci")

    trace = boot(files={RULES: rule, LOAD: "nvgrace-gpu-vfio-pci\n"})

    assert trace.owners == {**NATIVE, GPU: None}
    assert why(trace, GPU) == (
        "root: no driver: driver_override=nvgrace-gpu-vfio-pci names no driver; "
        f"the driver is called nvgrace_gpu_vfio_pci ({RULES}:1: {rule.strip()})"
    )


def test_override_with_underscore_misses_vfio_pci() -> None:
    trace = boot(files={RULES: OVERRIDE.format(GPU, "vfio_pci"), LOAD: "vfio_pci\n"})

    assert trace.owners[GPU] is None
    assert trace.reason(GPU).what == (
        "no driver: driver_override=vfio_pci names no driver; the driver is called vfio-pci"
    )


def test_override_to_a_variant_that_the_kernel_lacks_leaves_no_driver() -> None:
    trace = boot(BUILT_IN_VFIO, files={RULES: OVERRIDE.format(GPU, "nvgrace_gpu_vfio_pci")})

    assert trace.owners[GPU] is None
    assert trace.reason(GPU).what == (
        "no driver: driver_override=nvgrace_gpu_vfio_pci, and kernel 6.12.107 has no such driver"
    )


def test_override_whose_module_nothing_loads_leaves_no_driver() -> None:
    trace = boot(files={RULES: OVERRIDE.format(GPU, "vfio-pci")})

    assert trace.owners[GPU] is None
    assert trace.reason(GPU).what == (
        "no driver: driver_override=vfio-pci, and vfio_pci was never loaded"
    )


def test_override_in_the_root_only_comes_after_the_initramfs_bound_the_gpu() -> None:
    rule = OVERRIDE.format(GPU, "vfio-pci")

    trace = boot(files={RULES: rule, LOAD: "vfio-pci\n"}, initial=initramfs("nouveau", "nvme"))

    assert trace.owners == NATIVE
    assert why(trace, GPU) == (
        f"root: driver_override=vfio-pci; nouveau keeps the function ({RULES}:1: {rule.strip()})"
    )
    assert unused(trace) == [
        f"{RULES}:1: {rule.strip()}: {GPU} was bound to nouveau before; an override unbinds nothing"
    ]


def test_override_in_the_initramfs_too_holds_from_the_start() -> None:
    rule = OVERRIDE.format(GPU, "vfio-pci")
    early = initramfs("nouveau", "nvme", rules={RULES: rule})

    trace = boot(files={RULES: rule, LOAD: "vfio-pci\n"}, initial=early)

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert trace.ignored == ()
    assert trace.races == ()


def test_override_of_one_disk_comes_after_its_twin_loaded_the_native_driver() -> None:
    rule = OVERRIDE.format(DATA_DISK, "vfio-pci")

    trace = boot(files={RULES: rule, LOAD: "vfio-pci\n"})

    assert trace.owners == NATIVE
    assert why(trace, DATA_DISK) == (
        f"root: driver_override=vfio-pci; nvme keeps the function ({RULES}:1: {rule.strip()})"
    )
    assert trace.races == (Race(DATA_DISK, ("nvme", "vfio-pci")),)


def bind(address: str, device: str, driver: str) -> str:
    """Write the three rules that bind a function however the steps of a boot fall."""
    match = f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{address}", ATTR{{device}}=="0x{device}"'
    return (
        f'{match}, ATTR{{driver_override}}="{driver}"\n'
        f'{match}, DRIVER=="?*", DRIVER!="{driver}", ATTR{{driver/unbind}}="$kernel"\n'
        f'{match}, ATTR{{[subsystem/pci]drivers_probe}}="$kernel"\n'
    )


@pytest.mark.parametrize("initial", [None, initramfs("nouveau", "nvme", "mlx5_core")])
@pytest.mark.parametrize("softdep", ["", "softdep nvme pre: vfio-pci\n"])
def test_override_with_unbind_and_probe_binds_in_every_order(
    initial: Initramfs | None, softdep: str
) -> None:
    rules = bind(GPU, "2342", "nvgrace_gpu_vfio_pci") + bind(DATA_DISK, "a808", "vfio-pci")

    trace = boot(
        files={RULES: rules, LOAD: "vfio-pci\nnvgrace_gpu_vfio_pci\n", MODPROBE: softdep},
        initial=initial,
    )

    assert trace.owners == {**NATIVE, GPU: "nvgrace_gpu_vfio_pci", DATA_DISK: "vfio-pci"}
    assert trace.races == ()
    assert trace.ignored == ()


def test_override_with_unbind_leaves_a_function_alone_that_has_its_driver() -> None:
    kernel = BUILT_IN_VFIO

    trace = boot(kernel, "ro vfio-pci.ids=10de:2342", files={RULES: bind(GPU, "2342", "vfio-pci")})

    assert trace.owners[GPU] == "vfio-pci"
    assert [event.what for event in trace.events if event.subject == GPU] == [
        "bound to vfio-pci: its id 10de:2342 was given",
        "driver_override=vfio-pci",
    ]


def test_ids_bind_and_a_later_override_of_the_same_driver_is_not_the_reason() -> None:
    trace = boot(
        BUILT_IN_VFIO,
        "ro vfio-pci.ids=10de:2342",
        files={RULES: OVERRIDE.format(GPU, "vfio-pci")},
    )

    assert trace.owners[GPU] == "vfio-pci"
    assert trace.reason(GPU).what == "bound to vfio-pci: its id 10de:2342 was given"


def test_install_line_keeps_the_native_driver_away() -> None:
    trace = boot(files={MODPROBE: "install nouveau /bin/false\n"})

    assert trace.owners == {**NATIVE, GPU: None}
    assert why(trace, GPU) == (
        "root: no driver: nouveau was replaced by its install command "
        f"({MODPROBE}:1: install nouveau /bin/false)"
    )


def test_install_line_can_load_vfio_pci_first() -> None:
    lines = (
        "options vfio-pci ids=10de:2342\ninstall nouveau modprobe vfio-pci && modprobe -i nouveau\n"
    )

    trace = boot(files={MODPROBE: lines})

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert {"nouveau", "vfio_pci"} <= trace.loaded


@pytest.mark.parametrize(
    ("cmdline", "files", "cause"),
    [
        ("ro", {MODPROBE: "blacklist nouveau\n"}, f"{MODPROBE}:1: blacklist nouveau"),
        (
            "ro modprobe.blacklist=nouveau",
            {},
            "kernel command line: modprobe.blacklist=nouveau",
        ),
    ],
)
def test_blacklist_keeps_the_native_driver_away(cmdline: str, files: Files, cause: str) -> None:
    trace = boot(cmdline=cmdline, files=files)

    assert trace.owners == {**NATIVE, GPU: None}
    assert why(trace, GPU) == f"root: no driver: nouveau was not loaded: blacklisted ({cause})"


def test_blacklist_reaches_no_built_in_driver() -> None:
    trace = boot(BUILT_IN_VFIO, files={MODPROBE: "blacklist nvme\n"})

    assert trace.owners == NATIVE
    assert unused(trace) == [
        f"{MODPROBE}:1: blacklist nvme: nvme is built into the kernel: no blacklist reaches it"
    ]


def test_blacklist_does_not_stop_a_softdep() -> None:
    lines = "blacklist vfio_pci\nsoftdep nouveau pre: vfio-pci\noptions vfio-pci ids=10de:2342\n"

    trace = boot(files={MODPROBE: lines})

    assert trace.owners[GPU] == "vfio-pci"


def test_module_blacklist_of_the_kernel_stops_every_way_of_loading() -> None:
    trace = boot(cmdline="ro module_blacklist=nouveau", files={LOAD: "nouveau\n"})

    assert trace.owners == {**NATIVE, GPU: None}
    assert why(trace, GPU) == (
        "root: no driver: nouveau was not loaded: the kernel refuses it "
        "(kernel command line: module_blacklist=nouveau)"
    )


def test_module_blacklist_is_compared_letter_by_letter() -> None:
    trace = boot(
        cmdline="ro module_blacklist=vfio-pci",
        files={MODPROBE: "softdep nouveau pre: vfio-pci\noptions vfio-pci ids=10de:2342\n"},
    )

    assert trace.owners[GPU] == "vfio-pci"
    assert unused(trace) == [
        (
            "kernel command line: module_blacklist=vfio-pci: "
            "the kernel compares letter by letter and calls the module vfio_pci"
        )
    ]


def test_new_id_binds_at_once_whatever_has_no_driver() -> None:
    rule = (
        f'KERNEL=="{GPU}", RUN+="/sbin/modprobe vfio-pci", '
        "RUN+=\"/bin/sh -c 'echo 10de 2342 > /sys/bus/pci/drivers/vfio-pci/new_id'\"\n"
    )

    trace = boot(files={RULES: rule})

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert why(trace, GPU) == (
        f"root: bound to vfio-pci: its id 10de:2342 was given ({RULES}:1: {rule.strip()})"
    )


def test_new_id_for_a_driver_that_is_not_there_is_unused() -> None:
    rule = (
        f'KERNEL=="{GPU}", '
        "RUN+=\"/bin/sh -c 'echo 10de 2342 > /sys/bus/pci/drivers/vfio-pci/new_id'\"\n"
    )

    trace = boot(files={RULES: rule})

    assert trace.owners == NATIVE
    assert [item.why for item in trace.ignored] == [
        "/sys/bus/pci/drivers/vfio-pci does not exist when this is written"
    ]


def test_file_in_etc_masks_its_namesake_of_the_distribution() -> None:
    vendor = "/usr/lib/modprobe.d/vfio.conf"

    trace = boot(
        files={
            vendor: "options vfio-pci ids=144d:a808\n",
            MODPROBE: "options vfio-pci ids=10de:2342\nsoftdep nouveau pre: vfio-pci\n",
        }
    )

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}
    assert unused(trace) == [
        f"{vendor}: the whole file: a file of the same name stands in a directory that comes first"
    ]


def test_file_that_does_not_end_in_conf_is_unused() -> None:
    trace = boot(files={"/etc/modprobe.d/vfio": "options vfio-pci ids=10de:2342\n"})

    assert unused(trace) == [
        "/etc/modprobe.d/vfio: the whole file: kmod reads only files whose name ends in .conf"
    ]


def test_later_option_replaces_the_earlier_one_and_is_told_once() -> None:
    site = "/etc/modprobe.d/zz-site.conf"
    lines = "options vfio-pci ids=10de:2342\nsoftdep nouveau pre: vfio-pci\n"

    trace = boot(files={MODPROBE: lines, site: "options vfio-pci ids=15b3:1021\n"})

    assert trace.owners[GPU] == "nouveau"
    assert trace.parameters["vfio_pci"] == {"ids": "15b3:1021"}
    assert unused(trace) == [
        (
            f"{MODPROBE}:1: options vfio-pci ids=10de:2342: "
            "a later value of vfio_pci.ids replaces it: 15b3:1021"
        )
    ]


def test_command_line_replaces_options_of_the_files() -> None:
    trace = boot(
        cmdline="ro vfio_pci.ids=10de:2342",
        files={MODPROBE: "options vfio-pci ids=15b3:1021\nsoftdep nouveau pre: vfio-pci\n"},
    )

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}


def test_unknown_parameter_and_unreadable_id_are_unused() -> None:
    lines = "options vfio-pci idz=10de:2342 ids=grace\nsoftdep nouveau pre: vfio-pci\n"

    trace = boot(files={MODPROBE: lines})

    assert trace.owners == NATIVE
    assert sorted(item.why for item in trace.ignored) == [
        'vfio-pci takes no id from "grace": not vendor:device',
        "vfio_pci has no parameter idz",
    ]


def test_id_that_no_function_has_is_unused() -> None:
    trace = boot(BUILT_IN_VFIO, "ro vfio-pci.ids=10de:2342,10de:2345")

    assert trace.owners[GPU] == "vfio-pci"
    assert unused(trace) == [
        "kernel command line: vfio-pci.ids=10de:2342,10de:2345: no function has the id 10de:2345"
    ]


def test_setting_for_a_module_that_nothing_loads_is_unused() -> None:
    trace = boot(files={MODPROBE: "options vfio-pci disable_idle_d3=1\n"})

    assert unused(trace) == [
        f"{MODPROBE}:1: options vfio-pci disable_idle_d3=1: nothing loads vfio_pci during the boot"
    ]


def test_bridge_is_refused_by_vfio_pci() -> None:
    trace = boot(BUILT_IN_VFIO, "ro vfio-pci.ids=10de:22b1")

    assert trace.owners[BRIDGE] is None
    assert trace.reason(BRIDGE).what == "no driver: no module has an alias that fits"
    assert next(event.what for event in trace.events if event.subject == BRIDGE) == (
        "vfio-pci refuses a bridge with EINVAL"
    )


def test_unbound_function_says_who_had_it() -> None:
    rule = (
        f'KERNEL=="{GPU}", RUN{{builtin}}+="kmod load", '
        f"RUN+=\"/bin/sh -c 'echo {GPU} > /sys/bus/pci/drivers/nouveau/unbind'\"\n"
    )

    trace = boot(files={"/etc/udev/rules.d/90-unbind.rules": rule})

    assert trace.owners[GPU] is None
    assert trace.reason(GPU).what == ("no driver: unbound from nouveau, and nothing bound it again")


def test_two_functions_in_either_order_of_their_events_are_a_race() -> None:
    rule = (
        f'KERNEL=="{NIC}", RUN+="/sbin/modprobe vfio-pci ids=10de:2342", '
        'RUN{builtin}+="kmod load"\n'
    )

    trace = boot(files={RULES: rule})

    assert trace.owners[GPU] == "nouveau"
    assert trace.races == (Race(GPU, ("nouveau", "vfio-pci")),)


def test_rule_with_a_condition_that_is_not_modelled_is_named() -> None:
    rule = f'KERNEL=="{GPU}", TEST=="/etc/x", ATTR{{driver_override}}="vfio-pci"'

    trace = boot(files={RULES: rule + "\n"})

    assert trace.owners == NATIVE
    assert unused(trace) == [
        f"{RULES}:1: {rule}: not modelled: a condition of this rule is not modelled"
    ]


def test_same_rule_misses_another_device_at_the_address() -> None:
    rule = f'KERNEL=="{GPU}", ATTR{{device}}=="0x2345", ATTR{{driver_override}}="vfio-pci"\n'

    trace = boot(files={RULES: rule, LOAD: "vfio-pci\n"})

    assert trace.owners == NATIVE
    assert trace.overrides == {}


@pytest.mark.parametrize("label", ["", 'LABEL="end"\n'])
def test_jump_skips_no_rule_of_another_file(label: str) -> None:
    jump = f'KERNEL=="{GPU}", GOTO="end"\n{label}'
    admin = "/etc/udev/rules.d/10-admin.rules"

    trace = boot(files={admin: jump, RULES: OVERRIDE.format(GPU, "vfio-pci"), LOAD: "vfio-pci\n"})

    assert trace.owners == {**NATIVE, GPU: "vfio-pci"}


def test_boot_is_deterministic() -> None:
    files = {MODPROBE: "options vfio-pci ids=10de:2342\n", LOAD: "vfio-pci\n"}

    assert boot(files=files) == boot(files=files)


def test_reason_of_an_unknown_function_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"0000:09:00\.0"):
        boot().reason("0000:09:00.0")


def test_ignored_entries_are_values() -> None:
    trace = boot(cmdline="ro vfio_pci.disable_idle_d3=1")

    assert all(isinstance(item, Ignored) for item in trace.ignored)
    assert unused(trace) == [
        "kernel command line: vfio_pci.disable_idle_d3=1: nothing loads vfio_pci during the boot"
    ]
