"""Read huge pages from words of the kernel command line."""

import pytest

from fleetpolicy.model.hugepages import ANY_NODE, allocated_hugepages, hugepage_sizes_kib


@pytest.mark.parametrize(
    ("line", "page_kib", "pages"),
    [
        ("quiet", 4, {}),
        ("hugepages=8", 4, {2048: {ANY_NODE: 8}}),
        ("hugepages=8", 64, {524288: {ANY_NODE: 8}}),
        ("hugepagesz=1G hugepages=4", 4, {1 << 20: {ANY_NODE: 4}}),
        ("hugepagesz=1g hugepages=0:1,1:3", 4, {1 << 20: {0: 1, 1: 3}}),
        ("default_hugepagesz=512M hugepages=2", 64, {524288: {ANY_NODE: 2}}),
        (
            "hugepagesz=2M hugepages=16 hugepagesz=1G hugepages=2",
            4,
            {2048: {ANY_NODE: 16}, 1 << 20: {ANY_NODE: 2}},
        ),
        ("hugepagesz=half hugepages=4", 4, {}),
        ("hugepages=4", 8, {}),
    ],
)
def test_pages_of_a_command_line(
    line: str, page_kib: int, pages: dict[int, dict[int, int]]
) -> None:
    words = [word.partition("=")[::2] for word in line.split()]

    assert allocated_hugepages(words, page_kib) == pages


def test_sizes_of_an_unknown_kernel_are_none() -> None:
    assert hugepage_sizes_kib("aarch64", 64) == (2048, 524288, 16 << 20)
    assert hugepage_sizes_kib("x86_64", 64) == ()
