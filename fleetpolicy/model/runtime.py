"""Find what a running host lacks of what its class asks for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.commandline import IMAGE_BASED, asking, is_met, kernel_tokens, same_parameter
from fleetpolicy.model.fleet import Assignment, HostClass, ModuleSetting, Setting, VfioDriver
from fleetpolicy.model.record import Binding, HostState
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.simcore.boot.cmdline import Token, canonical

COMMAND_LINE = "kernel command line"
MODULE_PARAMETER = "module parameter"
DRIVER = "driver"
INITRAMFS = "initramfs"

COPIED = ("/etc/modprobe.d/fleetpolicy.conf", "/etc/udev/rules.d/70-fleetpolicy.rules")
_TRUTHS = {**dict.fromkeys(("1", "y", "Y"), "Y"), **dict.fromkeys(("0", "n", "N"), "N")}


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something that policy asks for and the running host does not show.

    Args:
        what: COMMAND_LINE, MODULE_PARAMETER, DRIVER or INITRAMFS.
        subject: Kernel parameter, module.parameter, PCI address, or file or module of the image.
        origin: The line of policy that asks for it.
    """

    what: str
    subject: str
    wanted: str
    seen: str
    origin: Span

    def __str__(self) -> str:
        return f"{self.what}: {self.subject} is {self.seen}, wanted {self.wanted}"


def unmet(host_class: HostClass, state: HostState) -> tuple[Unmet, ...]:
    """Return what is missing: command line, parameters, drivers, each as policy lists it, image."""
    tokens = kernel_tokens(state.command_line)
    return (
        *(item for setting in host_class.settings for item in _command_line(setting, tokens)),
        *_parameters(host_class.module_settings, state.module_parameters),
        *_drivers(host_class, state),
        *missing_in_image(host_class, state),
    )


def is_withholding(driver: VfioDriver, binding: Binding, state: HostState) -> bool:
    """Return whether a driver withholds Normal-NC from a device that it is bound to.

    One that needs a parameter for it must show that: for the device, or else for all.
    """
    if not driver.withheld_by:
        return not driver.consent
    name, _, value = driver.withheld_by.partition("=")
    if binding.stage2:
        return {binding.stage2.configured, binding.stage2.active} <= {value, "none"}
    return state.module_parameters.get(driver.module, {}).get(name) == value


def _command_line(setting: Setting, tokens: tuple[Token, ...]) -> Iterator[Unmet]:
    if not is_met(setting, tokens):
        same = () if setting.is_repeatable else same_parameter(setting, tokens)
        seen = same[-1].text if same else "absent"
        yield Unmet(COMMAND_LINE, setting.name, setting.token, seen, setting.origin)


def _parameters(
    settings: tuple[ModuleSetting, ...], seen: Mapping[str, Mapping[str, str]]
) -> Iterator[Unmet]:
    """Compare with sysfs; a parameter that it does not show cannot be judged."""
    for setting in settings:
        module = canonical_module(setting.module)
        value = seen.get(module, {}).get(canonical(setting.parameter))
        if value is not None and _plain(value) != _plain(setting.value):
            subject = f"{module}.{setting.parameter}"
            yield Unmet(MODULE_PARAMETER, subject, setting.value, value, setting.origin)


def _plain(value: str) -> str:
    """Return a value as sysfs prints it: Y or N for a truth, a number in decimal.

    Source:
        Linux kernel/params.c, param_get_bool(); lib/kstrtox.c.
    """
    text = value.strip()
    if text in _TRUTHS:
        return _TRUTHS[text]
    try:
        return str(int(text, 0))
    except ValueError:
        return text


def _drivers(host_class: HostClass, state: HostState) -> Iterator[Unmet]:
    for assignment in host_class.assignments:
        address = assignment.device.address
        binding = state.bindings.get(address)
        seen = (binding.driver or "without a driver") if binding else "not on the host"
        if seen != assignment.driver.name:
            yield Unmet(DRIVER, address, assignment.driver.name, seen, assignment.driver_origin)


def missing_in_image(host_class: HostClass, state: HostState) -> Iterator[Unmet]:
    """Return what the image of the next boot lacks, so that a native driver could be first.

    Returns:
        Copies of our files that are not those of the host, and VFIO drivers that are absent from
        an image with the native driver, or where that one is built in. Nothing where no image was
        read. An initramfs that came with the host's image need have copies for a native driver
        alone: without one, the host's own files are read in time.
    """
    image = state.initramfs
    if image is None or not host_class.assignments:
        return
    contested = list_contested(host_class, image.modules)
    is_given = host_class.facts.boot.initramfs == "image"
    first = host_class.assignments[0].driver_origin
    for path in () if is_given and not contested else COPIED:
        kept, copy = state.files.get(path), image.files.get(path)
        if kept and copy != kept.digest:
            seen = f"another in {image.path}" if copy else f"absent from {image.path}"
            yield Unmet(INITRAMFS, path, "as on the host", seen, first)
    rivals: dict[str, Assignment] = {}
    for assignment in contested:
        module = assignment.driver.module
        if host_class.facts.modules.get(module) != "builtin":
            rivals.setdefault(module, assignment)
    for module, assignment in sorted(rivals.items()):
        if module not in image.modules:
            wanted = f"there before {assignment.device.native_driver}"
            seen = f"absent from {image.path}"
            yield Unmet(INITRAMFS, module, wanted, seen, assignment.driver_origin)


def list_contested(host_class: HostClass, modules: Collection[str]) -> tuple[Assignment, ...]:
    """Return the assignments whose native driver could be first: it is built in, or in an image."""
    return tuple(
        item
        for item in host_class.assignments
        if item.device.native_built_in or item.device.native_driver in modules
    )


def lacks_words(host_class: HostClass, state: HostState) -> Iterator[Unmet]:
    """Return what an image-based host's next boot lacks, as far as that is known, else this one.

    Returns:
        Nothing for other hosts, whose words are files of ours.
    """
    if host_class.facts.boot.loader != IMAGE_BASED:
        return
    following = state.next_command_line
    tokens = kernel_tokens(state.command_line if following is None else following)
    for item in asking(host_class):
        if isinstance(item, Setting):
            yield from _command_line(item, tokens)
        elif item.token not in {token.text for token in tokens}:
            subject = f"{item.module}.{item.parameter}"
            yield Unmet(COMMAND_LINE, subject, item.token, "absent", item.origin)


def lacks_next(host_class: HostClass, state: HostState) -> Iterator[Unmet]:
    """Return the drivers that the kernel which boots next does not have, each module once."""
    following = state.next_kernel
    if following is None:
        return
    seen: set[str] = set()
    for assignment in host_class.assignments:
        module = assignment.driver.module
        if module not in following.modules and module not in seen:
            seen.add(module)
            yield Unmet(
                DRIVER,
                assignment.device.address,
                f"{assignment.driver.name} by module {module}",
                f"without it: kernel {following.release} boots next and has no such module",
                assignment.driver_origin,
            )
