"""Change a host's boot files line by line and watch what every boot must keep to."""

import re
from collections.abc import Mapping
from itertools import chain

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fleetpolicy.simcore.boot import (
    BootTrace,
    Cause,
    HostConfig,
    Initramfs,
    KernelBuild,
    PciFunction,
    simulate_boot,
)
from fleetpolicy.simcore.boot import machine as kernel_machine

BRISK = settings(
    max_examples=60,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
UNSHRUNK = settings(BRISK, phases=[Phase.generate])

BRIDGE, GPU, DISK, TWIN = "0000:00:00.0", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
DRIVERS = {GPU: "nvgrace_gpu_vfio_pci", TWIN: "vfio-pci"}
NATIVE = {BRIDGE: None, GPU: "nouveau", DISK: "nvme", TWIN: "nvme"}
OUR_MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
OUR_LOAD = "/etc/modules-load.d/fleetpolicy.conf"
OUR_RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"
SYSTEMD = "/usr/lib/udev/rules.d/80-drivers.rules"
PLACES = {"kernel", "modalias", "initramfs load list", SYSTEMD}

MODPROBE_LINES = [
    "options vfio-pci ids=144d:a808",
    "options vfio-pci ids=10de:2342 disable_idle_d3=1",
    "options nouveau modeset=0 nonsense=1",
    "softdep nvme pre: vfio-pci",
    "softdep nouveau pre: nvgrace_gpu_vfio_pci post: nvme",
    "softdep vfio-pci pre: nvme",
    "blacklist nouveau",
    "blacklist vfio-pci",
    "install nouveau /bin/true",
    "install nvme /sbin/modprobe vfio-pci; /sbin/modprobe --ignore-install nvme",
    "install vfio_pci_core /bin/false",
    "alias vfio-pci nvme",
    "options",
]
RULE_LINES = [
    f'KERNEL=="{GPU}", ATTR{{driver_override}}="vfio-pci"',
    f'KERNEL=="{DISK}", ATTR{{driver_override}}="vfio-pci"',
    f'KERNEL=="{GPU}", ATTR{{driver_override}}="vfio_pci"',
    'ATTR{vendor}=="0x144d", RUN+="/sbin/modprobe vfio-pci"',
    'ATTR{vendor}=="0x10de", ENV{MODALIAS}="pci:none"',
    f'KERNEL=="{DISK}", ATTR{{driver/unbind}}="$kernel"',
    'DRIVER=="?*", RUN+="/bin/sh -c \'echo 144d a808 > /sys/bus/pci/drivers/vfio-pci/new_id\'"',
    f'KERNEL=="{TWIN}", GOTO="end"',
    'LABEL="end"',
    'PROGRAM=="/bin/true", RUN+="/bin/true"',
    "this is no rule",
]
WORDS = [
    "quiet",
    "--",
    'note="two words"',
    "vfio-pci.ids=10de:2342",
    "vfio_pci.ids=144d:a808,nonsense",
    "modprobe.blacklist=nouveau,nvme",
    "modprobe.blacklist=vfio-pci",
    "module_blacklist=vfio_pci_core",
    "module_blacklist=nouveau",
    "nvme.nonsense=1",
]
LOADS = ["vfio-pci", "nvgrace_gpu_vfio_pci", "nouveau", "nvme", "absent", "# a comment"]
BLOCKS_VFIO = re.compile(r"^(blacklist|install|alias) \S*vfio|blacklist=\S*vfio")
NOISE = st.text('aE7 "=\\,;{}[]%$:+!-\n', max_size=20)


def function(address: str, vendor: str, device: str, code: str) -> PciFunction:
    modalias = (
        f"pci:v0000{vendor.upper()}d0000{device.upper()}sv0000{vendor.upper()}sd00000001"
        f"bc{code[:2]}sc{code[2:4]}i{code[4:]}"
    )
    return PciFunction(address, modalias, vendor, device, vendor, "0001", code)


DEVICES = (
    function(BRIDGE, "10de", "22b1", "060400"),
    function(GPU, "10de", "2342", "030200"),
    function(DISK, "144d", "a808", "010802"),
    function(TWIN, "144d", "a808", "010802"),
)
MODULES = frozenset({"nouveau", "nvme", "vfio_pci", "vfio_pci_core", "nvgrace_gpu_vfio_pci"})


def build(builtin: frozenset[str]) -> KernelBuild:
    return KernelBuild(
        release="6.12.107",
        builtin=builtin,
        modules=MODULES - builtin,
        aliases=(
            ("pci:v000010DEd*sv*sd*bc03sc02i00*", "nouveau"),
            ("pci:v*d*sv*sd*bc01sc08i02*", "nvme"),
            ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci"),
            ("vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*", "nvgrace_gpu_vfio_pci"),
        ),
        parameters={"vfio_pci": frozenset({"ids", "disable_idle_d3"})},
        drivers={"vfio_pci": "vfio-pci"},
        dependencies={
            "vfio_pci": ("vfio_pci_core",),
            "nvgrace_gpu_vfio_pci": ("vfio_pci_core",),
        },
    )


KERNELS = [
    build(frozenset()),
    build(frozenset({"nvme"})),
    build(frozenset({"vfio_pci", "vfio_pci_core"})),
    build(frozenset({"vfio_pci", "vfio_pci_core", "nvme"})),
]


def our_rules(address: str) -> str:
    """Write the three rules with which a device is reserved, as they are deployed."""
    driver = DRIVERS[address]
    match = f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{address}"'
    load = f'RUN{{builtin}}+="kmod load {driver}"'
    return (
        f'{match}, ATTR{{driver_override}}="{driver}", {load}\n'
        f'{match}, DRIVER=="?*", DRIVER!="{driver}", ATTR{{driver/unbind}}="$kernel"\n'
        f'{match}, ATTR{{[subsystem/pci]drivers_probe}}="$kernel"\n'
    )


class BootMachine(RuleBasedStateMachine):
    """Edit an administrator's files and ours, refresh the initramfs or leave it stale."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = KERNELS[0]
        self.files: dict[str, str] = {}
        self.carried: dict[str, str] | None = None
        self.words = ["ro"]
        self.modules = frozenset[str]()

    @initialize(kernel=st.sampled_from(KERNELS))
    def choose_kernel(self, kernel: KernelBuild) -> None:
        self.kernel = kernel

    def toggle(self, path: str, line: str) -> None:
        """Remove a line, or append it where the file has none such."""
        lines = self.files.get(path, "").splitlines()
        kept = [other for other in lines if other != line]
        self.files[path] = "".join(
            f"{each}\n" for each in (kept if line in lines else [*kept, line])
        )

    @rule(line=st.sampled_from(MODPROBE_LINES), name=st.sampled_from(["admin", "zz"]))
    def edit_modprobe(self, line: str, name: str) -> None:
        self.toggle(f"/etc/modprobe.d/{name}.conf", line)

    @rule(line=st.sampled_from(RULE_LINES))
    def edit_rules(self, line: str) -> None:
        self.toggle("/etc/udev/rules.d/10-admin.rules", line)

    @rule(line=st.sampled_from(LOADS))
    def edit_modules_load(self, line: str) -> None:
        self.toggle("/etc/modules-load.d/admin.conf", line)

    @rule(word=st.sampled_from(WORDS))
    def edit_command_line(self, word: str) -> None:
        if word in self.words:
            self.words.remove(word)
        else:
            self.words.append(word)

    @rule(text=NOISE, folder=st.sampled_from(["modprobe.d", "modules-load.d", "udev/rules.d"]))
    def scribble(self, text: str, folder: str) -> None:
        suffix = "rules" if folder.startswith("udev") else "conf"
        self.files[f"/etc/{folder}/05-noise.{suffix}"] = text

    @rule(taken=st.sets(st.sampled_from([GPU, TWIN]), min_size=1))
    def deploy(self, taken: set[str]) -> None:
        self.files[OUR_RULES] = "".join(our_rules(address) for address in sorted(taken))
        self.files[OUR_LOAD] = "".join(f"{DRIVERS[address]}\n" for address in sorted(taken))
        self.files[OUR_MODPROBE] = "softdep nvme pre: vfio_pci\n"
        if self.carried is not None:
            self.refresh_initramfs(self.modules)

    @rule(modules=st.sets(st.sampled_from(sorted(MODULES))))
    def refresh_initramfs(self, modules: set[str] | frozenset[str]) -> None:
        self.carried, self.modules = dict(self.files), frozenset(modules)

    @rule()
    def boot_without_initramfs(self) -> None:
        self.carried = None

    @precondition(lambda self: OUR_RULES in self.files)
    @rule()
    def remove_everything(self) -> None:
        self.files.clear()
        self.words = ["ro"]
        if self.carried is not None:
            self.carried = {}
        assert self.boot().owners == NATIVE

    def config(self) -> HostConfig:
        carried = self.carried
        return HostConfig(
            self.kernel,
            " ".join(self.words),
            part(self.files, "modprobe.d"),
            part(self.files, "modules-load.d"),
            part(self.files, "rules.d"),
            None
            if carried is None
            else Initramfs(part(carried, "modprobe.d"), part(carried, "rules.d"), self.modules),
            DEVICES,
        )

    def boot(self) -> BootTrace:
        return simulate_boot(self.config())

    @property
    def copies(self) -> list[dict[str, str]]:
        return [self.files] if self.carried is None else [self.files, self.carried]

    @invariant()
    def boot_is_deterministic_and_each_owner_may_own(self) -> None:
        trace = self.boot()

        assert trace == self.boot()
        assert set(trace.owners) == {device.address for device in DEVICES}
        for address, owner in trace.owners.items():
            assert owner is None or owner == NATIVE[address] or self.may_take(trace, address, owner)
            assert trace.reason(address).subject == address

    def may_take(self, trace: BootTrace, address: str, owner: str) -> bool:
        """Tell whether an override or an id that stands somewhere lets a VFIO driver own."""
        device = next(each for each in DEVICES if each.address == address)
        every = " ".join((*chain.from_iterable(c.values() for c in self.copies), *self.words))
        by_id = any(f"{device.vendor}{sep}{device.device}" in every for sep in ": ")
        by_override = trace.overrides.get(address) == owner
        return not device.is_bridge and (by_override or (owner == "vfio-pci" and by_id))

    @invariant()
    def overrides_hold_or_are_told_to_have_come_late(self) -> None:
        trace = self.boot()

        told = {entry.why.split(" was bound to ")[0] for entry in trace.ignored}
        told |= {race.address for race in trace.races}
        for address, override in trace.overrides.items():
            assert trace.owners[address] in {None, override} or address in told

    @invariant()
    def every_cause_stands_somewhere(self) -> None:
        trace = self.boot()

        for event in trace.events:
            assert self.stands(event.cause), event
        for entry in trace.ignored:
            assert self.stands(entry.setting), entry

    def stands(self, cause: Cause) -> bool:
        if cause.source == "kernel command line":
            return cause.text in " ".join(self.words)
        if cause.source in PLACES or "05-noise" in cause.source:
            return True
        written = cause.text.partition(", for 0000:")[0]
        found = [copy.get(cause.source, "").splitlines() for copy in self.copies]
        return any(lines[cause.line - 1 : cause.line] == [written] for lines in found)

    @invariant()
    def our_rules_win_wherever_the_module_can_be_loaded(self) -> None:
        ours = self.files.get(OUR_RULES, "")
        lines = [
            line for copy in self.copies for text in copy.values() for line in text.splitlines()
        ]
        if any(BLOCKS_VFIO.search(line) for line in (*lines, *self.words)) or any(
            copy.get(OUR_RULES, "") != ours for copy in self.copies
        ):
            return
        trace = self.boot()

        for address in (address for address in DRIVERS if address in ours):
            assert trace.owners[address] == DRIVERS[address], trace.reason(address)
            assert address not in {race.address for race in trace.races}


def part(files: Mapping[str, str], folder: str) -> dict[str, str]:
    return {path: text for path, text in files.items() if f"/{folder}/" in path}


BootMachine.TestCase.settings = BRISK
TestBoot = BootMachine.TestCase


def test_machine_finds_a_kernel_that_forgets_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_machine.Machine, "_write_override", lambda *_: None)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(BootMachine, settings=UNSHRUNK)
