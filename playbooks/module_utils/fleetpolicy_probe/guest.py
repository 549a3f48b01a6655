# SPDX-License-Identifier: Apache-2.0
"""Run a guest of a dozen instructions that touches one address."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
from fcntl import ioctl

from ansible.module_utils.fleetpolicy_probe.system import OK, Area, ProbeError, attempt, name_of

CREATE_VM, CHECK_EXTENSION, GET_VCPU_MMAP_SIZE = 0xAE01, 0xAE03, 0xAE04
CREATE_VCPU, RUN = 0xAE41, 0xAE80
SET_USER_MEMORY_REGION, SET_ONE_REG = 0x4020AE46, 0x4010AEAC
ENABLE_CAP, VCPU_INIT, PREFERRED_TARGET = 0x4068AEA3, 0x4020AEAE, 0x8020AEAF
CAP_VM_IPA_SIZE, CAP_MTE = 165, 205
LOG_DIRTY_PAGES = 1
EXIT_MMIO = 6
CORE_REGISTER = 0x6030000000100000
"""The KVM_REG_ARM64 id of X0; 2 * n more is Xn, 0x40 more is PC."""
PC = 0x40

RAM_IPA, RAM_SIZE, RAM_DATA = 0x40000000, 0x40000, 0x20000
REPORT_IPA, ABORT_IPA = 0x20000000, 0x20000008
"""Nothing is there: a store to them ends KVM_RUN, and says by its address how it went."""
VECTORS = 0x800
RUN_SECONDS = 20.0

BEGIN = (
    0xB94000E6,  # ldr w6, [x7]        x7: data in RAM
    0xD518C004,  # msr vbar_el1, x4
    0xD5033FDF,  # isb
)
LOAD = (
    0xB9400001,  # ldr w1, [x0]        x0: the address in question
    0xB9000041,  # str w1, [x2]        x2: REPORT_IPA
    0x14000000,  # b .
)
FETCH = (0xD61F0000,)  # br x0
ABORT = (
    0xD5385203,  # mrs x3, esr_el1
    0xB90000A3,  # str w3, [x5]        x5: ABORT_IPA
    0x14000000,  # b .
)
SAME_LEVEL = 0x200
"""Offset of the vector of a synchronous exception from the level that takes it."""


class Guest:
    """A VM with a little RAM, and a vCPU for each time that it touches an address.

    Args:
        mte: Whether it is to have tagged memory.

    Raises:
        ProbeError: KVM makes no such VM.
    """

    def __init__(self, *, mte: bool = False) -> None:
        self._open: list[int] = []
        self._vcpus = 0
        self._ram = Area(RAM_SIZE, 0x10000)
        try:
            self._create(mte=mte)
        except BaseException:
            self.close()
            raise

    def _create(self, *, mte: bool) -> None:
        try:
            self._kvm = self._keep(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
            self._vm = self._keep(_create_vm(self._kvm))
        except OSError as error:
            raise ProbeError(f"KVM makes no VM: {name_of(error)}") from error
        if mte and attempt(self._vm, ENABLE_CAP, struct.pack("=II96x", CAP_MTE, 0)) != OK:
            raise ProbeError("KVM has no tagged memory for guests here")
        self._ram.fill()
        answer = self.add_slot(0, RAM_IPA, RAM_SIZE, self._ram.address)
        if answer != OK:
            raise ProbeError(f"KVM takes no RAM: {answer}")

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def add_slot(self, number: int, ipa: int, size: int, address: int, flags: int = 0) -> str:
        """Return ok, or the name of the error that KVM refuses a memory slot with."""
        slot = struct.pack("=IIQQQ", number, flags, ipa, size, address)
        return attempt(self._vm, SET_USER_MEMORY_REGION, slot)

    def touch(self, ipa: int, *, fetch: bool) -> tuple[str, int]:
        """Let the guest load from an address, or fetch an instruction there.

        Returns:
            What came of it: ok with the value, abort with ESR_EL1 where the guest got one, or the
            name of KVM_RUN's error, or another exit.
        """
        self._ram.write(0, _words(BEGIN + (FETCH if fetch else LOAD)))
        self._ram.write(VECTORS + SAME_LEVEL, _words(ABORT))
        vcpu = self._keep(ioctl(self._vm, CREATE_VCPU, self._vcpus))
        self._vcpus += 1
        target = bytearray(32)
        ioctl(self._vm, PREFERRED_TARGET, target)
        ioctl(vcpu, VCPU_INIT, bytes(target))
        registers = {0: ipa, 2: REPORT_IPA, 4: RAM_IPA + VECTORS, 5: ABORT_IPA}
        registers[7] = RAM_IPA + RAM_DATA
        for number, value in registers.items():
            _set_register(vcpu, 2 * number, value)
        _set_register(vcpu, PC, RAM_IPA)
        size = ioctl(self._kvm, GET_VCPU_MMAP_SIZE, 0)
        with mmap.mmap(vcpu, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE) as state:
            error = _run(vcpu)
            return (error, 0) if error else _reason(state)

    def close(self) -> None:
        """End the VM."""
        while self._open:
            os.close(self._open.pop())
        self._ram.close()


def has_mte() -> bool:
    """Tell whether KVM offers tagged memory to guests."""
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return ioctl(kvm, CHECK_EXTENSION, CAP_MTE) > 0
    except OSError:
        return False
    finally:
        os.close(kvm)


def _create_vm(kvm: int) -> int:
    try:
        return ioctl(kvm, CREATE_VM, 0)
    except OSError:
        # Fewer than 40 bits of intermediate physical address: the kind of VM says how many.
        return ioctl(kvm, CREATE_VM, ioctl(kvm, CHECK_EXTENSION, CAP_VM_IPA_SIZE) & 0xFF)


def _set_register(vcpu: int, offset: int, value: int) -> None:
    cell = ctypes.c_uint64(value)
    identity = CORE_REGISTER + offset
    ioctl(vcpu, SET_ONE_REG, struct.pack("=QQ", identity, ctypes.addressof(cell)))


def _run(vcpu: int) -> str:
    """Return the name of the error that the run ends with, nothing where it ends with an exit."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, RUN_SECONDS)
    try:
        # fcntl.ioctl would go on after a signal.
        _libc_ioctl(vcpu, RUN)
    except OSError as error:
        return "timeout" if name_of(error) == "EINTR" else name_of(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return ""


def _libc_ioctl(descriptor: int, number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ioctl(descriptor, ctypes.c_ulong(number), 0) < 0:
        raise OSError(ctypes.get_errno(), "KVM_RUN")


def _reason(state: mmap.mmap) -> tuple[str, int]:
    """Return what a vCPU's exit says.

    Source:
        Documentation/virt/kvm/api.rst, the kvm_run structure
    """
    (reason,) = struct.unpack_from("=I", state, 8)
    if reason != EXIT_MMIO:
        return f"exit {reason}", 0
    ipa, value, _, is_write = struct.unpack_from("=QQIB", state, 32)
    if is_write and ipa == REPORT_IPA:
        return OK, value & 0xFFFFFFFF
    if is_write and ipa == ABORT_IPA:
        return "abort", value & 0xFFFFFFFF
    return "no memory there", ipa


def _words(program: tuple[int, ...]) -> bytes:
    return struct.pack(f"<{len(program)}I", *program)
