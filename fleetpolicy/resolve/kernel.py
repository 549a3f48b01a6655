"""Choose the profile of a host's kernel by what its probes showed."""

from fnmatch import fnmatchcase

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Kernel, Platform
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.profiles import KernelProfile
from fleetpolicy.model.record import KernelFacts
from fleetpolicy.resolve.kernel_rules import KERNEL_DISAGREES, UNKNOWN_KERNEL
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.kvm import KernelBehaviour


def choose_kernel(situation: Situation) -> Kernel | Diagnostic | None:
    """Return what the kernel does, a finding where that is not known, None on x86."""
    facts = situation.facts
    if facts.arch == "x86_64":
        return None
    unknown = _unanswered(facts.kernel)
    if unknown:
        return situation.find(
            UNKNOWN_KERNEL,
            situation.defaults_span,
            why=f"kernel {facts.kernel.release} did not answer: {', '.join(unknown)}",
            fix="collect the facts as root on the running kernel, with /dev/kvm and "
            "/sys/kernel/btf/vmlinux present",
        )
    era = _profile_by_evidence(situation, facts.kernel)
    if era is None:
        return situation.find(
            UNKNOWN_KERNEL,
            situation.defaults_span,
            why=f"kernel {facts.kernel.release}: no KernelProfile has its evidence",
            fix="add a KernelProfile with match.evidence as the host showed it",
        )
    stated = _profile_by_release(situation, facts.kernel)
    if stated and _probed(stated) != _probed(era):
        return situation.find(
            KERNEL_DISAGREES,
            stated.span_of(("spec", "stage2")),
            why=f"{stated.model.metadata.name} says {_describe(stated)}; the probes of "
            f"{facts.kernel.release} say {_describe(era)} ({era.model.metadata.name})",
            fix="correct spec.stage2, or the release that it matches",
        )
    return _kernel(stated or era)


def _unanswered(kernel: KernelFacts) -> list[str]:
    questions = {
        "KVM_PGTABLE_PROT_NORMAL_NC in BTF": kernel.normal_nc_marker,
        "capability 243 on /dev/kvm": kernel.capability_on_kvm,
    }
    return [question for question, answer in questions.items() if answer is None]


def _profile_by_evidence(
    situation: Situation, kernel: KernelFacts
) -> Located[KernelProfile] | None:
    known = "unknown" if kernel.capability_on_kvm == "0" else "known"
    for located in situation.policy.kernels:
        evidence = located.model.spec.match.evidence
        if (
            evidence
            and evidence.normal_nc_marker == kernel.normal_nc_marker
            and evidence.cacheable_capability == known
        ):
            return located
    return None


def _profile_by_release(situation: Situation, kernel: KernelFacts) -> Located[KernelProfile] | None:
    for located in situation.policy.kernels:
        release = located.model.spec.match.release
        if release and fnmatchcase(kernel.release, release):
            return located
    return None


def _probed(located: Located[KernelProfile]) -> tuple[str, bool]:
    """Return the part of a profile that the probes can confirm."""
    stage2 = located.model.spec.stage2
    return stage2.vfio_pci, stage2.cacheable_pfnmap


def _describe(located: Located[KernelProfile]) -> str:
    stage2 = located.model.spec.stage2
    cacheable = str(stage2.cacheable_pfnmap).lower()
    return f"vfioPci: {stage2.vfio_pci}, cacheablePfnmap: {cacheable}"


def _kernel(located: Located[KernelProfile]) -> Kernel:
    spec = located.model.spec
    name = located.model.metadata.name
    return Kernel(
        profile=name,
        behaviour=KernelBehaviour(
            name=name,
            normal_nc_by_consent=spec.stage2.vfio_pci == "normal-nc",
            cacheable_pfnmap=spec.stage2.cacheable_pfnmap,
            pgprot_decides=spec.stage2.pgprot_decides,
        ),
        opt_out_parameter=spec.opt_out.parameter if spec.opt_out else "",
        source=spec.source,
    )


def choose_platform(situation: Situation) -> Platform | None:
    """Return what is attested of the machine, None where no profile knows it."""
    firmware = situation.facts.firmware
    for located in situation.policy.platforms:
        spec = located.model.spec
        if fnmatchcase(firmware.vendor, spec.match.vendor or "*") and fnmatchcase(
            firmware.product, spec.match.product or "*"
        ):
            name = located.model.metadata.name
            return Platform(name, spec.containment.attested, spec.containment.by)
    return None
