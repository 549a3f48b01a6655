"""Lay out what a kernel's package brings: /lib/modules and the image in /boot."""

from collections.abc import Collection, Iterator

from fleetpolicy.lab.hardware import Hardware, Kernel
from fleetpolicy.lab.modules import Module, list_builtin, list_modules
from fleetpolicy.lab.tree import Tree


def install_kernel(tree: Tree, hardware: Hardware, kernel: Kernel) -> None:
    """Write the files of a kernel, as its package and depmod would.

    A module's file holds its modinfo alone; what the code of a real one would show, the driver's
    name and the defaults of parameters, stands in keys that begin with "lab.".

    Source:
        depmod.d(5), kmod: modules.dep, modules.alias, modules.softdep, modules.builtin; Linux,
        Documentation/kbuild/kbuild.rst, modules.builtin.modinfo.
    """
    modules = list_modules(hardware, kernel)
    builtin = list_builtin(kernel, modules)
    loadable = [module for module in modules.values() if module.name not in builtin]
    folder = f"/lib/modules/{kernel.release}"
    for module in loadable:
        tree.write(f"{folder}/{_path(module)}", _joined([*_modinfo(module), *_signature(kernel)]))
    tree.write(f"{folder}/modules.dep", _lines(_dep(modules, loadable)))
    tree.write(f"{folder}/modules.alias", _lines(_alias(loadable)))
    tree.write(f"{folder}/modules.softdep", _lines(_softdep(loadable, modules)))
    built = [modules[name] for name in sorted(builtin)]
    tree.write(f"{folder}/modules.builtin", _lines(_path(module) for module in built))
    described = [f"{module.name}.{item}" for module in built for item in _modinfo(module)]
    tree.write(f"{folder}/modules.builtin.modinfo", _joined(described))
    if kernel.options is not None:
        options = (f"CONFIG_{name}=y" for name in kernel.options)
        tree.write(f"/boot/config-{kernel.release}", _lines(options))
    tree.write(f"/boot/vmlinuz-{kernel.release}", f"Linux {kernel.release} {hardware.arch}\n")


def _path(module: Module) -> str:
    prefix = "" if module.path.startswith("updates/") else "kernel/"
    return f"{prefix}{module.path}.ko"


def _modinfo(module: Module) -> Iterator[str]:
    yield f"name={module.name}"
    yield from (f"alias={pattern}" for pattern in module.aliases)
    for parameter in module.parameters:
        yield f"parmtype={parameter.name}:{parameter.kind}"
        if parameter.default is not None:
            yield f"lab.default={parameter.name}:{parameter.default}"
    if module.driver:
        yield f"lab.driver={module.driver}"


def _signature(kernel: Kernel) -> list[str]:
    """Return what modinfo(8) shows of a signature, which a real module has behind its code."""
    return ["sig_id=PKCS#7"] if kernel.is_signed else []


def _dep(modules: dict[str, Module], loadable: Collection[Module]) -> Iterator[str]:
    names = {module.name for module in loadable}
    for module in loadable:
        needed = [_path(modules[name]) for name in _needs(module, modules) if name in names]
        yield f"{_path(module)}: {' '.join(needed)}".rstrip()


def _needs(module: Module, modules: dict[str, Module]) -> list[str]:
    """Return all that a module needs, the nearest first."""
    found: list[str] = []
    pending = list(module.needs)
    while pending:
        name = pending.pop(0)
        if name in found:
            found.remove(name)
        found.append(name)
        pending += modules[name].needs
    return found


def _alias(loadable: Collection[Module]) -> Iterator[str]:
    yield "# Aliases extracted from modules themselves."
    yield from (
        f"alias {pattern} {module.name}" for module in loadable for pattern in module.aliases
    )


def _softdep(loadable: Collection[Module], modules: Collection[str]) -> Iterator[str]:
    yield "# Soft dependencies extracted from modules themselves."
    for module in loadable:
        post = [name for name in module.post if name in modules]
        if post:
            yield f"softdep {module.name} post: {' '.join(post)}"


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _joined(items: Iterator[str] | list[str]) -> str:
    return "".join(f"{item}\0" for item in items)
