"""List what can stand in the way of an emulated host."""

from fleetpolicy.diagnostics import Rule, Severity

_SOURCE = "docs/lab.md"

PROGRAM_FAILED = Rule(
    "FP830",
    "emulated-host-not-made",
    Severity.ERROR,
    "The disk and the keys of an emulated host are made by programs, which need room and a folder "
    "that they may write.",
    _SOURCE,
    rejected="fleetpolicy lab up -i inventories/lab  # the disk of the cache is full",
    accepted="FLEETPOLICY_CACHE=/srv/cache fleetpolicy lab up -i inventories/lab",
)
NO_MEMORY = Rule(
    "FP832",
    "no-memory-for-host",
    Severity.ERROR,
    "An emulated host is started only where the machine has its memory to spare.",
    _SOURCE,
    rejected="fleetpolicy_machine: {memory: 512GiB}",
    accepted="fleetpolicy_machine: {memory: 2GiB}",
)
PANIC = Rule(
    "FP833",
    "kernel-panicked",
    Severity.ERROR,
    "The kernel of an emulated host runs; a panic ends the wait for it, and the host is ended.",
    _SOURCE,
    rejected="Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    accepted="[    3.831000] systemd[1]: Detected architecture arm64.",
)
NO_ANSWER = Rule(
    "FP834",
    "host-does-not-answer",
    Severity.ERROR,
    "An emulated host that was started answers over SSH in time; it is left as it is, to be looked "
    "into.",
    _SOURCE,
    rejected="grub rescue>  # its boot loader finds no configuration",
    accepted="fleetpolicy lab status -i inventories/lab  # arm-01: runs 6.12.107+deb13-arm64",
)
NOT_OURS = Rule(
    "FP835",
    "no-lab-folder",
    Severity.ERROR,
    "The folder of an emulated host is one that fleetpolicy made for it, or nothing yet; anything "
    "else in its place is left alone.",
    _SOURCE,
    rejected="ls inventories/lab/.lab/arm-01\nthesis.tex",
    accepted="ls inventories/lab/.lab/arm-01\ndisk  host.json  key  ssh_config",
)
NOT_UP = Rule(
    "FP836",
    "host-not-up",
    Severity.ERROR,
    "Only an emulated host that runs can be entered, or told which kernel it is to boot.",
    _SOURCE,
    rejected="fleetpolicy lab ssh -i inventories/lab arm-01  # it was never started",
    accepted="fleetpolicy lab up -i inventories/lab\nfleetpolicy lab ssh -i inventories/lab arm-01",
)
NO_SUCH_KERNEL = Rule(
    "FP837",
    "kernel-not-on-disk",
    Severity.ERROR,
    "An emulated host boots one of the kernels that its disk was made with.",
    _SOURCE,
    rejected="fleetpolicy lab boot -i inventories/lab arm-01 --kernel 5.4",
    accepted="fleetpolicy lab boot -i inventories/lab arm-01 --kernel newest",
)
NOT_PRIVATE = Rule(
    "FP841",
    "lab-folder-not-private",
    Severity.ERROR,
    "The folder of an emulated host belongs to the user who runs it, and nobody else may look into "
    "it: it holds keys, and what ssh and QEMU are told.",
    _SOURCE,
    rejected="chmod -R a+rwX inventories/lab/.lab",
    accepted="chmod -R go= inventories/lab/.lab",
)
KEYS_LOST = Rule(
    "FP842",
    "lab-keys-lost",
    Severity.ERROR,
    "The keys that the disk of an emulated host was made with are beside it.",
    _SOURCE,
    rejected="rm inventories/lab/.lab/arm-01/key.pub",
    accepted="fleetpolicy lab reset -i inventories/lab arm-01",
)
SSH_REFUSED = Rule(
    "FP843",
    "host-refuses-ssh",
    Severity.ERROR,
    "An emulated host has the host key and lets in the user's key that the lab made for it; where "
    "either was changed on the host, it is not entered.",
    _SOURCE,
    rejected="fleetpolicy lab ssh -i inventories/lab arm-01 ssh-keygen -A  # with new host keys",
    accepted="fleetpolicy lab reset -i inventories/lab arm-01",
)
HELD = Rule(
    "FP844",
    "emulator-held",
    Severity.ERROR,
    "The QEMU of an emulated host is at work: nobody stopped it, and its disk can be written.",
    _SOURCE,
    rejected="kill -STOP 4711  # the QEMU of arm-01",
    accepted="kill -CONT 4711\nfleetpolicy lab up -i inventories/lab",
)
NOT_ENDED = Rule(
    "FP845",
    "emulator-not-ended",
    Severity.ERROR,
    "The QEMU of an emulated host can be ended; until it is, its folder stays.",
    _SOURCE,
    rejected="# QEMU waits for a disk of this machine that does not answer\n"
    "fleetpolicy lab down -i inventories/lab",
    accepted="fleetpolicy lab up -i inventories/lab\nfleetpolicy lab down -i inventories/lab",
)
OTHER_DISK = Rule(
    "FP838",
    "disk-made-otherwise",
    Severity.ERROR,
    "The disk of an emulated host has the kernels and programs that the inventory asks for.",
    _SOURCE,
    rejected="# kernels changed after the host was made\n"
    'fleetpolicy_machine: {kernels: ["6.1", "6.12"]}\n'
    "fleetpolicy lab up -i inventories/lab",
    accepted='fleetpolicy_machine: {kernels: ["6.1", "6.12"]}\n'
    "fleetpolicy lab reset -i inventories/lab",
)
