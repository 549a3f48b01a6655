"""Find the mechanism by which a host carries out the global opt-out."""

from dataclasses import replace

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Kernel, OptOut, OptOutMechanism, VfioDriver
from fleetpolicy.model.policy import OnUnsupported
from fleetpolicy.model.regions import vfio_driver
from fleetpolicy.resolve.kernel_rules import NO_OPT_OUT
from fleetpolicy.resolve.situation import Situation


def choose_opt_out(situation: Situation, kernel: Kernel | None) -> OptOut | Diagnostic | None:
    """Return the first mechanism that is real on the host.

    Returns:
        None where there is no opt-out, or nothing to opt out of (x86).
    """
    origin = situation.defaults.opt_out
    if origin is None or kernel is None:
        return None
    if kernel.opt_out_parameter:
        return OptOut(OptOutMechanism.CMDLINE, kernel.opt_out_parameter, origin)
    if not kernel.behaviour.normal_nc_by_consent:
        detail = f"kernel profile {kernel.profile} maps every device as Device-nGnRE"
        return OptOut(OptOutMechanism.ERA, detail, origin)
    driver = withholding_driver(situation)
    if driver:
        detail = f"{driver.module}.{driver.withheld_by}" if driver.withheld_by else driver.module
        return OptOut(OptOutMechanism.DRIVER, detail, origin)
    if situation.defaults.on_unsupported is OnUnsupported.TRAPPED:
        detail = "onUnsupported: trapped lets QEMU emulate each access"
        return OptOut(OptOutMechanism.TRAPPED, detail, origin)
    return situation.find(
        NO_OPT_OUT,
        origin,
        why=f"kernel {situation.facts.kernel.release} ({kernel.profile}) gives Normal-NC and has "
        "no parameter against it, and no driver that withholds it is installed",
        fix="install the driver optout_vfio_pci (docs/opt-out.md), or another that withholds the "
        "consent, with its DriverProfile (consent: false); boot a kernel whose KernelProfile has "
        "optOut.parameter, or an era A kernel; or allow spec.memoryMapping.onUnsupported: trapped",
    )


def withholding_driver(situation: Situation) -> VfioDriver | None:
    """Return the first driver, by name, that takes any device and withholds Normal-NC."""
    for module, located in sorted(situation.policy.drivers.items()):
        spec = located.model.spec
        takes_any = spec.bus == "pci" and not spec.ids
        driver = vfio_driver(spec)
        if takes_any and not driver.consent and module in situation.facts.modules:
            return driver
    return None


def with_opt_out(kernel: Kernel | None, opt_out: OptOut | None) -> Kernel | None:
    """Return what the kernel does once it boots with the opt-out."""
    if kernel is None or opt_out is None or opt_out.mechanism is not OptOutMechanism.CMDLINE:
        return kernel
    return replace(kernel, behaviour=replace(kernel.behaviour, normal_nc_by_consent=False))
