import struct
from collections.abc import Callable
from types import ModuleType

Load = Callable[[str], ModuleType]
NAMES = ("ia_bits", "start_level", "pgd")


def make_types(*runs: dict[str, int], others: str = "") -> bytes:
    """Return type data whose structures have members at bit offsets, one after the other."""
    text, places = b"\0", {}
    for name in dict.fromkeys([*(name for run in runs for name in run), *others.split()]):
        places[name] = len(text)
        text += name.encode() + b"\0"
    body = b""
    for run in runs:
        body += struct.pack("<III", 0, 4 << 24 | len(run), 64)
        for name, bit in run.items():
            body += struct.pack("<III", places[name], 7, bit)
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(text))
    return header + body + text


def test_members_in_a_row_are_found_wherever_they_are(probe_module: Load) -> None:
    types = make_types(
        {"pgd": 0, "ia_bits": 64},
        {"other": 0, "ia_bits": 32, "start_level": 64, "pgd": 128, "more": 192},
    )

    assert probe_module("btf").find_run(types, NAMES) == (4, 8, 16)


def test_bit_fields_keep_their_width_out_of_the_offset(probe_module: Load) -> None:
    types = make_types({"ia_bits": 6 << 24 | 0, "start_level": 32, "pgd": 64})

    assert probe_module("btf").find_run(types, NAMES) == (0, 4, 8)


def test_names_that_no_structure_has_in_a_row_are_not_found(probe_module: Load) -> None:
    find_run = probe_module("btf").find_run

    assert find_run(make_types({"ia_bits": 0, "pgd": 64}, others="start_level"), NAMES) is None
    assert find_run(make_types({"ia_bits": 0}), NAMES) is None
    assert find_run(b"\0" * 64, NAMES) is None


def test_row_that_is_there_twice_and_differs_is_not_trusted(probe_module: Load) -> None:
    types = make_types(
        {"ia_bits": 0, "start_level": 32, "pgd": 64},
        {"ia_bits": 32, "start_level": 64, "pgd": 128},
    )

    assert probe_module("btf").find_run(types, NAMES) is None
