import pytest

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.commandline import WORD_LIST
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.fleet import Fleet, FleetHost, Setting
from fleetpolicy.model.record import FileState
from fleetpolicy.pipeline.line_length import find_long_lines
from tests.unit.plan.fleets import make_class, make_record, make_state

WORD = "iommu.strict=1"


def found_for(
    line: str, coming: str | None = None, files: dict[str, FileState] | None = None
) -> list[Diagnostic]:
    setting = Setting("iommu.strict", "1", Span("fleet.yaml", 3, 5))
    fleet = Fleet(
        (FleetHost("a", 0, (), ()),),
        (make_class(settings=(setting,), module_settings=()),),
        {},
        "r1",
    )
    state = make_state(command_line=line, next_command_line=coming, files=files or {})
    return list(find_long_lines(fleet, {"a": make_record("a", state)}))


@pytest.mark.accepts("FP616")
def test_line_of_2048_bytes_with_its_nul_fits() -> None:
    line = "x" * (2_047 - len(f" {WORD}"))

    assert found_for(line) == []


@pytest.mark.shows("FP616")
def test_line_of_2049_bytes_with_its_nul_is_fp616_before_anything_is_written() -> None:
    line = "x" * (2_048 - len(f" {WORD}"))

    (finding,) = found_for(line)

    assert (finding.rule.id, str(finding.span), finding.subject.host) == (
        "FP616",
        "fleet.yaml:3:5",
        "a",
    )
    assert finding.why == (
        "the line would have 2049 bytes with the NUL at its end, 14 of them asked for here; the "
        "kernel of aarch64 keeps 2048"
    )
    assert finding.fix == (
        "ask for fewer words, or take words of others out of the boot loader's files"
    )


def test_line_of_the_next_boot_counts_where_it_is_known() -> None:
    assert found_for("x" * 2_100, "ro quiet") == []
    assert len(found_for("ro quiet", "x" * 2_100)) == 1


@pytest.mark.shows("FP616")
def test_words_of_our_own_file_are_counted_once_and_those_of_others_twice() -> None:
    line = "x" * (2_047 - len(f" {WORD}")) + f" {WORD}"
    content = f"{WORD}\n"
    ours = {WORD_LIST: FileState(digest=digest_of(content), mode=0o644, content=content)}

    assert found_for(line, files=ours) == []
    assert [item.rule.id for item in found_for(line)] == ["FP616"]
