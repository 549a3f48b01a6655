from pathlib import Path

from fleetpolicy.emulate.board import board_of, nvme_files
from fleetpolicy.model.emulated import EmulatedHost

DEVICES = [
    {"model": "e1000e"},
    {"model": "edu", "functions": "2"},
    {"model": "nvme", "serial": "X1"},
    {"model": "ivshmem", "size": "1MiB"},
]


def test_board_puts_each_device_behind_a_root_port() -> None:
    host = EmulatedHost.model_validate({"devices": DEVICES, "memory": "1GiB", "cpu": "neoverse-n1"})

    machine = board_of(host, Path("/fw"), 2222)

    assert (machine.cpu, machine.memory_mib, machine.cpus) == ("neoverse-n1", 1024, 2)
    assert machine.boot == ("-bios", "/fw")
    assert " ".join(machine.devices) == (
        "-drive if=none,id=root,file=disk,format=raw,cache=unsafe,discard=unmap "
        "-device virtio-blk-pci,drive=root,bootindex=0 "
        "-netdev user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22 "
        "-device virtio-net-pci,netdev=net,mac=52:54:00:12:34:56,romfile= "
        "-device virtio-rng-pci "
        "-device pcie-root-port,id=rp1,chassis=1,slot=1 "
        "-device e1000e,bus=rp1,addr=0.0,romfile= "
        "-device pcie-root-port,id=rp2,chassis=2,slot=2 "
        "-device edu,bus=rp2,addr=0.0,multifunction=on "
        "-device edu,bus=rp2,addr=0.1 "
        "-device pcie-root-port,id=rp3,chassis=3,slot=3 "
        "-drive if=none,id=flash3.0,file=nvme3.0,format=raw,cache=unsafe "
        "-device nvme,drive=flash3.0,serial=X1,bus=rp3,addr=0.0 "
        "-device pcie-root-port,id=rp4,chassis=4,slot=4 "
        "-object memory-backend-ram,id=memory4.0,size=1024K,share=on "
        "-device ivshmem-plain,memdev=memory4.0,bus=rp4,addr=0.0"
    )
    assert nvme_files(host.devices) == ("nvme3.0",)


def test_board_of_the_most_capable_cpu_keeps_its_pointers_cheap() -> None:
    machine = board_of(EmulatedHost(), Path("/fw"), 1)

    assert machine.cpu == "max,pauth-impdef=on,sve=off,sme=off"
