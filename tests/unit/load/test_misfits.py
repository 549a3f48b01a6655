from typing import Any

import pytest
from pydantic import ValidationError

from fleetpolicy.load.misfits import explain_misfits
from fleetpolicy.model.emulated import EmulatedHost


@pytest.mark.parametrize(
    ("machine", "why", "fix"),
    [
        ("max", "it is 'max'", "write a mapping"),
        ({"devices": ["edu"]}, "devices[0] is 'edu'", "write a mapping"),
        ({"devices": {}}, "devices is {}", "write a list"),
        ({"kernels": "6.12"}, "kernels is '6.12'", "write a list"),
        (
            {"kernels": ["6"]},
            "kernels[0] is '6'",
            "write newest, or how a release begins, in two numbers at least: 6.12",
        ),
        ({"kernels": ["6.12", "6.12"]}, "a kernel is named twice", "remove one"),
        ({"cpus": 64}, "cpus is 64", "make it less than or equal to 8"),
        ({"libvirt": "yes"}, "libvirt is 'yes'", "write true or false"),
        (
            {"devices": [{"model": "ivshmem", "size": "60MiB"}]},
            "devices[0]: size 60MiB is no power of two",
            "write size: 64MiB",
        ),
        (
            {"devices": [{"model": "ivshmem", "size": "5KiB"}]},
            "devices[0]: size 5KiB is no power of two",
            "write size: 8KiB",
        ),
        (
            {"devices": [{"model": "e1000e", "size": "64MiB"}]},
            "devices[0]: e1000e takes no size, which ivshmem does",
            "remove size",
        ),
        (
            {"devices": [{"model": "nvme", "serial": "a b"}]},
            "devices[0].serial is 'a b'",
            "write letters and digits, at most 20",
        ),
        (
            {"kernel": ["6.12"]},
            "kernel is no key that is known",
            "write kernels, if that was meant",
        ),
    ],
)
def test_misfit_of_a_machine_tells_what_to_write(machine: Any, why: str, fix: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EmulatedHost.model_validate(machine)

    [misfit] = explain_misfits(caught.value, EmulatedHost)

    assert (misfit.why, misfit.fix) == (why, fix)
