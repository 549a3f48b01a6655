"""Accept and reject the spellings of the field."""

from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError, create_model

from fleetpolicy.model import scalars
from fleetpolicy.model.scalars import Document, canonical_module, size_kib

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("Truth", "true", True),
    ("Truth", "false", False),
    ("Truth", True, True),
    ("Line", "GH200 120GB", "GH200 120GB"),
    ("Name", "gpu-1.prod", "gpu-1.prod"),
    ("PciAddress", "0000:0A:1f.7", "0000:0a:1f.7"),
    ("PciId", "10DE:2342", "10de:2342"),
    ("PciClass", "0302", "0302"),
    ("PciClass", "03020A", "03020a"),
    ("Serial", "S5H9-00:1", "S5H9-00:1"),
    ("Size", "64GiB", "64GiB"),
    ("AbsolutePath", "/srv/a b.qcow2", "/srv/a b.qcow2"),
    ("KernelParameter", "iommu.passthrough", "iommu.passthrough"),
    ("KernelParameter", "kvm-arm.mode", "kvm-arm.mode"),
    ("KernelValue", "", ""),
    ("KernelValue", "10de:2342,10de:2345", "10de:2342,10de:2345"),
    ("KernelToken", "quiet", "quiet"),
    ("KernelToken", "console=ttyAMA0,115200n8", "console=ttyAMA0,115200n8"),
    ("KernelToken", "root=UUID=abc", "root=UUID=abc"),
    ("ModuleName", "vfio-pci", "vfio-pci"),
    ("ModuleParameter", "disable_idle_d3", "disable_idle_d3"),
    ("Glob", "6.8.0-*-nvidia", "6.8.0-*-nvidia"),
    ("Label", "rack/r7", "rack/r7"),
    ("HostPattern", "gpu*:!gpu[1:3]", "gpu*:!gpu[1:3]"),
    ("Count", "4096", 4096),
    ("Priority", "0", 0),
]
METACHARACTERS = ["a b", 'a"b', "a'b", "a\nb", "a;b", "a$b", "a`b", "a&b", "a|b", "a<b", "a\\b"]
REJECTED: list[tuple[str, Any]] = [
    *(("Truth", value) for value in ("yes", "True", "on", "1", "", "no")),
    *(("Line", value) for value in ("", "a\nb", "a\x00b", "a\x1bb", "x" * 501, 5)),
    *(("Name", value) for value in ("", "-a", "a-", "A", "a_b c", "a" * 64, "a\n", 7)),
    *(
        ("PciAddress", value)
        for value in ("01:00.0", "0000:01:20.0", "0000:01:00.8", "0000:01:00.0\n", "00001:00:00.0")
    ),
    *(("PciId", value) for value in ("10de", "10de:23421", "10de-2342", "10dg:2342", 10.5)),
    *(("PciClass", value) for value in ("03", "03020", "0x0302", 302)),
    *(("Serial", value) for value in ("", "a b", "x" * 65)),
    *(("Size", value) for value in ("0GiB", "64GB", "64", "1.5GiB", "-1GiB", "64 GiB", 65)),
    *(("AbsolutePath", value) for value in ("a", "", "/", "/a\nb")),
    *(("KernelParameter", value) for value in ("", "1a", "a=b", *METACHARACTERS)),
    *(("KernelValue", value) for value in (*METACHARACTERS, 1, True)),
    *(("KernelToken", value) for value in ("=x", "", *METACHARACTERS)),
    *(("ModuleName", value) for value in ("", "-a", "A", "a.b", "a/b", *METACHARACTERS)),
    *(("ModuleParameter", value) for value in ("", "a-b", "a=b", *METACHARACTERS)),
    *(("Glob", value) for value in ("", *METACHARACTERS)),
    *(("Label", value) for value in ("", *METACHARACTERS)),
    *(("HostPattern", value) for value in ("", "a b", "a;b", "a\nb")),
    *(("Count", value) for value in ("0", "4097", "01", "-1", "1.0", "many")),
    *(("Priority", value) for value in ("-1", "1000001", "007")),
]


@cache
def holder(kind: str) -> type[Document]:
    field: Any = (getattr(scalars, kind), ...)
    return create_model("Holder", __base__=Document, value=field)


def judge(kind: str, value: object) -> object:
    return holder(kind).model_validate({"value": value}).model_dump()["value"]


@pytest.mark.parametrize(("kind", "value", "expected"), ACCEPTED)
def test_scalar_in_the_fields_spelling_is_accepted(
    kind: str, value: object, expected: object
) -> None:
    assert judge(kind, value) == expected


@pytest.mark.parametrize(("kind", "value"), REJECTED)
def test_scalar_in_another_spelling_is_rejected(kind: str, value: object) -> None:
    with pytest.raises(ValidationError):
        judge(kind, value)


def test_number_in_the_place_of_text_says_what_to_do() -> None:
    with pytest.raises(ValidationError) as caught:
        judge("PciId", 10.5)

    assert [error["msg"] for error in caught.value.errors()] == [
        "Value error, was read as the number 10.5; quote it"
    ]


@pytest.mark.parametrize(
    ("size", "kib"), [("1KiB", 1), ("3MiB", 3 << 10), ("64GiB", 64 << 20), ("2TiB", 2 << 30)]
)
def test_size_is_counted_in_kib(size: str, kib: int) -> None:
    assert size_kib(size) == kib


def test_module_has_underscores() -> None:
    assert canonical_module("nvgrace-gpu-vfio_pci") == "nvgrace_gpu_vfio_pci"
