"""kmod, on the modules of real Debian kernels, against what is rendered and what is modelled."""

import re
import string
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fleetpolicy.load import load_policies
from fleetpolicy.model.scalars import KernelValue, canonical_module
from fleetpolicy.simcore.boot import KernelBuild, ModuleSoftdep, driver_for
from fleetpolicy.simcore.boot.aliases import matches_alias
from fleetpolicy.simcore.boot.kmod import Kmod, Request
from fleetpolicy.simcore.boot.machine import Machine
from fleetpolicy.simcore.boot.modprobe import parse_modprobe_d
from fleetpolicy.simcore.boot.trace import Cause
from tests.integration.consumers.agent import agent
from tests.integration.consumers.kernels import ModuleTree, provide_tree
from tests.integration.consumers.libkmod import Libkmod
from tests.integration.consumers.programs import needs
from tests.unit.render.fleets import HEAD, NVME_FACTS, nvme_policy, rendered

KERNELS = [("arm64", "6.1"), ("arm64", "6.12"), ("amd64", "6.12")]
MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
MODULES_LOAD = "/etc/modules-load.d/fleetpolicy.conf"
VARIANTS = (
    ("vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*", "nvgrace_gpu_vfio_pci"),
    ("vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*", "mlx5_vfio_pci"),
    ("vfio_pci:v00008086d*sv*sd*bc03sc*i*", "xe_vfio_pci"),
)
KINDS = {"uint": "int", "charp": "string"}
# The catalogue has them for kernels that are configured otherwise.
CONFIGURED = {"vfio": {"enable_unsafe_noiommu_mode"}, "vfio_pci": {"disable_vga"}}
ID = "pci:v0000xxxxd0000xxxx"
STEP = 8
VALUE = TypeAdapter[str](KernelValue, config=ConfigDict(regex_engine="python-re"))


@pytest.fixture(scope="module", params=KERNELS, ids="-".join)
def tree(request: pytest.FixtureRequest) -> ModuleTree:
    return provide_tree(*request.param)


@pytest.fixture
def seen(tree: ModuleTree, tmp_path: Path) -> Any:
    """Return what the agent reads of the kernel's modules, with the real modinfo."""
    root = tmp_path / "root"
    (root / "usr/sbin").mkdir(parents=True)
    (root / "lib").symlink_to(tree.root / "lib")
    program = root / "usr/sbin/modinfo"
    program.write_text(f'#!/bin/sh\nexec {needs("modinfo")} -b "$FLEETPOLICY_ROOT" "$@"\n')
    program.chmod(0o755)
    host = agent("host").Host(str(root))
    return agent("platform").Modules(host, tree.release)


def configuration(folder: Path, text: str) -> Path:
    made = folder / "modprobe.d"
    made.mkdir(exist_ok=True)
    (made / "fleetpolicy.conf").write_text(text)
    return made


def modprobe(tree: ModuleTree, folder: Path, *words: str) -> list[str]:
    place = ("-d", str(tree.root), "-S", tree.release, "-C", str(folder))
    command = [needs("modprobe"), *place, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def loads(tree: ModuleTree, folder: Path, module: str) -> dict[str, str]:
    """Return the modules that kmod would load, in order, with their options."""
    lines = modprobe(tree, folder, "-n", "-v", "--show-depends", module)
    pairs = (re.match(r"insmod \S+/([\w-]+)\.ko\S* (.*)$", line) for line in lines)
    return {canonical_module(found[1]): found[2].strip() for found in pairs if found}


def test_options_and_softdeps_arrive_in_kmod(tree: ModuleTree, tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy())
    folder = configuration(tmp_path, files[MODPROBE].content)

    known = modprobe(tree, folder, "--showconfig")
    loaded = loads(tree, folder, "nvme")

    assert "options vfio_pci disable_idle_d3=Y" in known
    assert "softdep nvme pre: vfio_pci" in known
    assert loaded["vfio_pci"] == "disable_idle_d3=Y"
    assert list(loaded).index("vfio_pci") < list(loaded).index("nvme")
    assert "vfio_iommu_type1" in loaded


@pytest.mark.parametrize("native", ["r8169", "ohci_pci", "csiostor"])
def test_softdep_keeps_what_the_native_driver_asks_for(
    tree: ModuleTree, seen: Any, tmp_path: Path, native: str
) -> None:
    own = seen.softdeps({native})
    device = NVME_FACTS | {"nativeDriver": native}
    files, _ = rendered(tmp_path, nvme_policy(), devices=[device], nativeSoftdeps=own)
    without = loads(tree, configuration(tmp_path, ""), native)

    loaded = loads(tree, configuration(tmp_path, files[MODPROBE].content), native)

    assert own[native]["pre"]
    assert set(without) <= set(loaded)
    assert list(loaded).index("vfio_pci") < list(loaded).index(native)


def test_modelled_loads_are_those_of_modprobe_for_pci_drivers(
    tree: ModuleTree, tmp_path: Path
) -> None:
    files, _ = rendered(tmp_path, nvme_policy())
    text = files[MODPROBE].content
    folder = configuration(tmp_path, text)
    build = read_build_of(tree)
    config = parse_modprobe_d({MODPROBE: text}, build.softdeps)
    aliases = (tree.modules / "modules.alias").read_text()
    drivers = sorted(set(re.findall(r"^alias pci:\S+ (\S+)$", aliases, re.MULTILINE)))[::STEP]

    disagreed = {}
    for driver in (*drivers, "nvme", "vfio_pci"):
        machine = Machine(build, {})
        kmod = Kmod(machine, config, (), machine.loadable)
        kmod.load(driver, Cause("the test", driver), Request())
        real = [name for name in loads(tree, folder, driver) if name not in machine.builtin]
        if list(machine.loaded) != real:
            disagreed[driver] = (list(machine.loaded), real)

    assert disagreed == {}
    assert len(drivers) > 40


def read_build_of(tree: ModuleTree) -> KernelBuild:
    """Return a kernel's build as far as loading goes, from depmod's files."""
    lines = (tree.modules / "modules.dep").read_text().splitlines()
    dependencies = {
        name_of(path): tuple(name_of(needed) for needed in reversed(needs_.split()))
        for path, _, needs_ in (line.partition(":") for line in lines)
    }
    built_in = (tree.modules / "modules.builtin").read_text().split()
    text = (tree.modules / "modules.softdep").read_text()
    softdeps: dict[str, ModuleSoftdep] = {}
    for module, rest in re.findall(r"^softdep (\S+) (.*)$", text, re.MULTILINE):
        pre, _, post = rest.partition("post:")
        made = ModuleSoftdep(tuple(pre.replace("pre:", "").split()), tuple(post.split()))
        softdeps.setdefault(module, made)
    text = (tree.modules / "modules.alias").read_text()
    return KernelBuild(
        tree.release,
        frozenset(name_of(path) for path in built_in),
        frozenset(dependencies),
        tuple(re.findall(r"^alias (\S+) (\S+)$", text, re.MULTILINE)),
        softdeps,
        dependencies=dependencies,
    )


def test_every_value_that_policy_takes_arrives_unchanged(tree: ModuleTree, tmp_path: Path) -> None:
    taken = [letter for letter in string.printable if is_value(letter)]
    values = ["".join(taken), *(f"a{letter}b" for letter in taken), *taken, ""]
    files, _ = rendered(tmp_path, nvme_policy())
    line = "options vfio_pci disable_idle_d3=Y\n"
    assert line in files[MODPROBE].content

    arrived = []
    for value in values:
        text = files[MODPROBE].content.replace("disable_idle_d3=Y", f"ids={value}")
        arrived.append(loads(tree, configuration(tmp_path, text), "vfio_pci")["vfio_pci"])

    assert arrived == [f"ids={value}" for value in values]


def is_value(text: str) -> bool:
    try:
        VALUE.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("letter", list(" \t\n\"'#\\;&|<>(){}$`~^?\x7f\u00e9"))
def test_value_that_kmod_the_shell_or_the_kernel_would_change_is_refused(letter: str) -> None:
    assert not is_value(f"a{letter}b")


def test_alias_lookups_agree_with_kmod_over_every_pci_alias(
    tree: ModuleTree, tmp_path: Path
) -> None:
    text = (tree.modules / "modules.alias").read_text()
    aliases = re.findall(r"^alias (pci:v\S+sv\S+) (\S+)$", text, re.MULTILINE)
    kmod = Libkmod(tree.modules, configuration(tmp_path, ""))
    modaliases = sorted({instance(pattern) for pattern, _ in aliases})
    by_ids: dict[str, list[tuple[str, str]]] = {}
    for pattern, module in aliases:
        by_ids.setdefault(pattern[: len(ID)], []).append((pattern, canonical_module(module)))

    disagreed = [
        modalias
        for modalias in modaliases
        if set(kmod.lookup(modalias))
        != {
            module
            for ids in {modalias[: len(ID)], *(key for key in by_ids if "*" in key)}
            for pattern, module in by_ids.get(ids, ())
            if matches_alias(modalias, pattern)
        }
    ]

    assert len(modaliases) > 3000
    assert disagreed == []


def instance(pattern: str) -> str:
    """Return a modalias that a pattern fits: a number of its own for every wildcard."""
    widths = {"v": 8, "d": 8, "sv": 8, "sd": 8, "bc": 2, "sc": 2, "i": 2}
    parts = re.findall(r"(sv|sd|bc|sc|v|d|i)(\*|[0-9A-F]+)", pattern.partition(":")[2])
    return "pci:" + "".join(
        name + ("7" * widths[name] if value == "*" else value) for name, value in parts
    )


def test_vfio_driver_choice_agrees_with_kmod_over_every_device(
    tree: ModuleTree, seen: Any, tmp_path: Path
) -> None:
    text = (tree.modules / "modules.alias").read_text()
    patterns = re.findall(r"^alias (pci:v\S+sv\S+) \S+$", text, re.MULTILINE)
    variants = "".join(f"alias {pattern} {module}\n" for pattern, module in VARIANTS)
    kernels_own = [(item["pattern"], item["module"]) for item in seen.vfio_aliases()]
    aliases = (*VARIANTS, *kernels_own)
    plain = Libkmod(tree.modules, configuration(tmp_path, ""))
    stubbed = Libkmod(tree.modules, configuration(tmp_path, variants))
    chosen = set()

    for modalias in sorted({instance(pattern) for pattern in patterns}):
        wanted = re.sub(r"\Apci:", "vfio_pci:", modalias)
        assert plain.lookup(wanted) == ["vfio_pci"]
        assert driver_for(modalias, tuple(kernels_own)) == "vfio_pci"
        best = driver_for(modalias, aliases)
        # kmod stops at the aliases of its configuration; those of the kernel come after them.
        fitting = stubbed.lookup(wanted)
        assert best == fitting[0], modalias
        chosen.add(best)

    assert chosen >= {"vfio_pci", "mlx5_vfio_pci"}


def test_built_in_modules_are_those_of_kmod(tree: ModuleTree, seen: Any, tmp_path: Path) -> None:
    kmod = Libkmod(tree.modules, configuration(tmp_path, ""))
    built_in = {name_of(path) for path in (tree.modules / "modules.builtin").read_text().split()}
    loadable = {
        name_of(line.partition(":")[0])
        for line in (tree.modules / "modules.dep").read_text().splitlines()
    }

    by_kmod = {name for name in built_in | loadable if kmod.is_built_in(name)}

    assert len(built_in) > 100
    assert {name for name in built_in | loadable if seen.is_built_in(name)} == by_kmod == built_in


def name_of(path: str) -> str:
    return canonical_module(path.rpartition("/")[2].partition(".")[0])


def test_catalogue_has_the_parameters_of_real_modules(seen: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(HEAD)
    policies, _ = load_policies([tmp_path / "policy.yaml"])
    known = {
        module: dict(located.model.spec.parameters) for module, located in policies.drivers.items()
    }
    described = seen.described([module for module in seen.vfio_modules() if module in known])
    real = agent("platform").parameters_of(described)

    kinds = {
        module: {name: KINDS.get(kind, kind) for name, kind in taken.items()}
        for module, taken in real.items()
    }
    expected = {
        module: {
            name: kind
            for name, kind in known[module].items()
            if name in real[module] or name not in CONFIGURED.get(module, set())
        }
        for module in real
    }

    assert {"vfio", "vfio_pci", "vfio_iommu_type1"} <= set(real)
    assert kinds == expected


def test_parameters_of_built_in_modules_are_theirs_among_others(
    tree: ModuleTree, seen: Any
) -> None:
    described = (tree.modules / "modules.builtin.modinfo").read_text().split("\0")
    pattern = re.compile(r"(\w+)\.parmtype=(\w+):([\w ]+)$")
    taken: dict[str, dict[str, str]] = {}
    for found in filter(None, map(pattern.match, described)):
        taken.setdefault(found[1], {})[found[2]] = found[3]
    named = {name_of(path) for path in (tree.modules / "modules.builtin").read_text().split()}
    built_in = sorted(set(taken) & named)[:12]
    mixed = [*built_in[:5], "vfio", *built_in[5:], "vfio_iommu_type1", "vfio_pci"]

    parameters = agent("platform").parameters_of(seen.described(mixed))

    assert len(built_in) > 5
    for name in built_in:
        # Without parmtype a parameter has a description alone.
        kinds = {item: kind for item, kind in parameters[name].items() if item in taken[name]}
        assert kinds == taken[name]
    assert parameters["vfio"] == {}
    assert set(parameters["vfio_iommu_type1"]) >= {"dma_entry_limit"}


def test_listed_modules_are_modules_of_the_kernel(tree: ModuleTree, tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy())
    names = [line for line in files[MODULES_LOAD].content.splitlines() if line[:1] != "#"]

    assert names == ["vfio_pci"]
    for name in names:
        assert name in loads(tree, configuration(tmp_path, ""), name)


def test_options_of_built_in_modules_are_left_to_the_command_line(tmp_path: Path) -> None:
    modules = dict.fromkeys(("vfio_pci", "vfio_pci_core", "vfio"), "builtin")

    files, _ = rendered(tmp_path, HEAD, modules=modules)

    assert MODPROBE not in files
