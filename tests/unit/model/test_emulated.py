"""Judge the machines of emulated hosts."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleetpolicy.model.emulated import EmulatedHost


def test_emulated_host_has_defaults_for_everything() -> None:
    host = EmulatedHost.model_validate({"devices": [{"model": "nvme", "functions": "2"}]})

    assert (host.kernels, host.cpu, host.cpus, host.memory) == (("6.12",), "max", 2, "2GiB")
    assert (host.devices[0].functions, host.devices[0].serial) == (2, "LAB0001")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"memory": "512MiB"},
            "Value error, memory 512MiB is less than 1024MiB; write memory: 1024MiB",
        ),
        ({"kernels": ["6.12", "6.12"]}, "Value error, a kernel is named twice; remove one"),
        ({"kernels": []}, "Value error, write at least one"),
        (
            {"devices": [{"model": "ivshmem", "size": "3MiB"}]},
            "Value error, size 3MiB is no power of two; write size: 4MiB",
        ),
    ],
)
def test_emulated_host_that_cannot_run_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EmulatedHost.model_validate(wrong)

    assert [error["msg"] for error in caught.value.errors()] == [message]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernels": ["6"]},
        {"kernels": ["6.12; reboot"]},
        {"cpu": "pentium"},
        {"devices": [{"model": "nvme", "serial": "a,b=c"}]},
        {"devices": [{"model": "virtio-net-pci"}]},
        {"loader": "grub"},
    ],
)
def test_emulated_host_takes_no_words_that_qemu_would_read_otherwise(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EmulatedHost.model_validate(wrong)
