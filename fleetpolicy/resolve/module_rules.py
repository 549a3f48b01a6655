"""List the rules about parameters of modules that the host itself speaks of."""

from fleetpolicy.diagnostics import Rule, Severity

PARAMETER_NOT_IN_KERNEL = Rule(
    "FP240",
    "parameter-not-in-kernel",
    Severity.ERROR,
    "Which parameters a module takes depends on how its kernel was configured; one that it lacks "
    "is passed over at load, with a line in the log.",
    "modinfo(8); Linux, kernel/module/main.c, unknown_module_param_cb()",
    rejected='modules: {vfio_pci: {disable_vga: "Y"}}\n'
    "# modinfo vfio_pci shows no disable_vga: the kernel is built without CONFIG_VFIO_PCI_VGA",
    accepted='modules: {vfio_pci: {disable_idle_d3: "Y"}}\n'
    "# modinfo vfio_pci shows disable_idle_d3",
)
IDS_TAKE_MORE = Rule(
    "FP241",
    "ids-take-more",
    Severity.ERROR,
    "Ids given to vfio-pci take every device that has them, wherever it sits, and before any rule: "
    "one that nobody claims, and one whose memory only its variant driver shows.",
    "Linux, drivers/vfio/pci/vfio_pci.c, vfio_pci_fill_ids(); drivers/pci/pci-driver.c, "
    "pci_add_dynid()",
    rejected=(
        "spec:  # the root disk 0002:01:00.0 of gh-01 has this id too\n"
        '  modules: {vfio_pci: {ids: "144d:a80a"}}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {group: grace_hopper}, device: {address: "0004:01:00.0"}}'
    ),
)
