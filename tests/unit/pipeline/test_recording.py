from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.generate import generate
from fleetpolicy.cli import main
from fleetpolicy.load import dump_record, load_records
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.recording import is_bundled, keep_records, prune_records, read_looks


@pytest.fixture
def records(tmp_path: Path) -> dict[str, HostRecord]:
    found, _ = load_records(generate(tmp_path / "fleet", 4).facts)
    return found


def names_in(folder: Path) -> list[str]:
    found, findings = load_records(folder)
    assert findings == ()
    return list(found)


def test_records_are_kept_a_file_per_host(tmp_path: Path, records: dict[str, HostRecord]) -> None:
    folder = tmp_path / "new/facts"

    keep_records(folder, records.values(), bundle=False)

    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.json" for name in records]
    assert not is_bundled(folder)


def test_bundle_is_sorted_and_the_same_for_the_same_records(
    tmp_path: Path, records: dict[str, HostRecord]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"

    keep_records(one, records.values(), bundle=True)
    keep_records(two, list(records.values())[2:], bundle=True)
    keep_records(two, list(reversed(records.values()))[2:], bundle=True)

    expected = b"".join(dump_record(record) for record in records.values())
    assert [path.read_bytes() for path in (*one.iterdir(), *two.iterdir())] == [expected] * 2
    assert is_bundled(one)


def test_bundle_takes_the_place_of_a_file_per_host(
    tmp_path: Path, records: dict[str, HostRecord]
) -> None:
    folder = tmp_path / "facts"
    keep_records(folder, records.values(), bundle=False)
    newer = replace(records["kvm-00001"], collected_at="2026-11-24T08:00:00Z")

    keep_records(folder, [newer], bundle=True)

    assert [path.name for path in folder.iterdir()] == ["hosts.jsonl"]
    assert names_in(folder) == list(records)
    assert load_records(folder)[0]["kvm-00001"].collected_at == "2026-11-24T08:00:00Z"


@pytest.mark.parametrize("bundle", [False, True])
def test_prune_removes_hosts_that_left(
    tmp_path: Path, records: dict[str, HostRecord], *, bundle: bool
) -> None:
    folder = tmp_path / "facts"
    keep_records(folder, records.values(), bundle=bundle)

    gone = prune_records(folder, frozenset({"kvm-00000", "kvm-00003", "kvm-00009"}))

    assert gone == ("kvm-00001", "kvm-00002")
    assert names_in(folder) == ["kvm-00000", "kvm-00003"]


def test_prune_of_everybody_leaves_no_bundle(
    tmp_path: Path, records: dict[str, HostRecord]
) -> None:
    folder = tmp_path / "facts"
    keep_records(folder, records.values(), bundle=True)

    assert prune_records(folder, frozenset()) == tuple(records)

    assert list(folder.iterdir()) == []


def test_looks_are_read_from_a_folder_a_bundle_or_a_file(
    tmp_path: Path, records: dict[str, HostRecord]
) -> None:
    keep_records(tmp_path / "one", records.values(), bundle=False)
    keep_records(tmp_path / "two", records.values(), bundle=True)

    from_folder, _ = read_looks(tmp_path / "one")
    from_bundle, _ = read_looks(tmp_path / "two/hosts.jsonl")
    from_file, _ = read_looks(tmp_path / "one/kvm-00002.json")

    assert list(from_folder) == list(from_bundle) == list(records)
    assert list(from_file) == ["kvm-00002"]


@pytest.mark.accepts("FP656")
def test_facts_diff_of_two_folders_ends_with_2_where_they_differ(
    tmp_path: Path, records: dict[str, HostRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    keep_records(one, records.values(), bundle=True)
    keep_records(two, list(records.values())[1:], bundle=False)
    words = ["facts", "diff", str(one), str(two), "--detailed-exitcode"]

    assert (main(words), main(words[:-1]), main([*words[:3], str(one), words[4]])) == (2, 0, 0)

    said = "only in the first: host kvm-00000\n0 of 3 hosts differ, in 0 values; "
    assert capsys.readouterr().out == (
        f"{said}new hosts: 0, gone: 1.\n" * 2 + "No difference on 4 hosts.\n"
    )


@pytest.mark.shows("FP656")
def test_facts_diff_of_what_is_not_there_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    gone = tmp_path / "gone"

    assert main(["facts", "diff", str(tmp_path / "there"), str(gone)]) == 3

    assert capsys.readouterr().out == (
        f"{gone}: error FP656 no-such-records\n"
        "  why: no such file or directory\n"
        "  fix: name a folder of records, HOST.json, or hosts.jsonl\n"
        "  see: docs/command-line.md; fleetpolicy explain FP656\n"
        "1 error\n"
    )


@pytest.mark.shows("FP656")
def test_facts_diff_of_one_folder_is_a_mistake_of_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["facts", "diff", "one"]) == 64

    assert "  why: facts diff takes two folders or files of records, and got 1\n" in (
        capsys.readouterr().out
    )


def test_facts_show_tells_how_old_records_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(tmp_path / "fleet", 2)

    assert main(["facts", "show", "kvm-00001", "-i", str(tmp_path / "fleet")]) == 0

    head = capsys.readouterr().out.splitlines()[0]
    assert head.startswith("kvm-00001  aarch64, ")
    assert "[2026-11-20T08:00:00Z, " in head


@pytest.mark.shows("FP606")
def test_facts_show_of_a_host_without_a_record_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(tmp_path / "fleet", 2)

    assert main(["facts", "show", "kvm-7", "kvm-00001", "-i", str(tmp_path / "fleet")]) == 3

    assert "  why: nothing is recorded of kvm-7\n" in capsys.readouterr().out
