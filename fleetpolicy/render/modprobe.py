"""Render module parameters and load order for modprobe."""

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.render.site import HEADER

PATH = "/etc/modprobe.d/fleetpolicy.conf"


def render_modprobe(host_class: HostClass) -> Artifact | None:
    """Return the options and soft dependencies, None where there are none.

    A native driver waits for the VFIO driver that takes its device, so that the device's override
    finds a taker whichever module udev asks for first. What its own softdep asks for is repeated,
    since kmod reads the first softdep line of a module alone.

    Source:
        modprobe.d(5): options, softdep; kmod, libkmod/libkmod-module.c,
        kmod_module_get_softdeps(); modules.softdep sorts behind our file's name.
    """
    lines: dict[str, list[Span]] = {}
    for module, words in _options(host_class).items():
        text = " ".join(f"{name}={value}" for name, value, _ in words)
        lines[f"options {module} {text}"] = [origin for *_, origin in words]
    for native, modules in sorted(_softdeps(host_class).items()):
        spans_of_line = [span for spans in modules.values() for span in spans]
        lines[_softdep(host_class, native, sorted(modules))] = spans_of_line
    if not lines:
        return None
    spans = tuple(sorted({span for origins in lines.values() for span in origins}))
    text = HEADER + "".join(f"{line}\n" for line in lines)
    return Artifact(PATH, ArtifactKind.MODULE_OPTIONS, text, 0o644, spans)


def _options(host_class: HostClass) -> dict[str, list[tuple[str, str, Span]]]:
    """Return the parameters of each loadable module; built-in ones go to the command line."""
    found: dict[str, list[tuple[str, str, Span]]] = {}
    for setting in host_class.module_settings:
        if host_class.facts.modules.get(setting.module) != "builtin":
            words = found.setdefault(setting.module, [])
            words.append((setting.parameter, setting.value, setting.origin))
    return dict(sorted(found.items()))


def _softdeps(host_class: HostClass) -> dict[str, dict[str, list[Span]]]:
    """Return the VFIO modules that each native driver waits for."""
    found: dict[str, dict[str, list[Span]]] = {}
    for assignment in host_class.assignments:
        module = assignment.driver.module
        native = canonical_module(assignment.device.native_driver or "")
        if native and host_class.facts.modules.get(module) != "builtin":
            origins = found.setdefault(native, {}).setdefault(module, [])
            origins.append(assignment.driver_origin)
    return found


def _softdep(host_class: HostClass, native: str, modules: list[str]) -> str:
    own = host_class.facts.native_softdeps.get(native)
    before = dict.fromkeys((*(own.pre if own else ()), *modules))
    after = f" post: {' '.join(own.post)}" if own and own.post else ""
    return f"softdep {native} pre: {' '.join(before)}{after}"
