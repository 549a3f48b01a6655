from pathlib import Path

import pytest

from fleetpolicy.admit import schemas
from fleetpolicy.admit.schemas import SchemaSet, choose, find_schemas, spell
from fleetpolicy.diagnostics import FleetPolicyError
from tests.unit.admit.schemafiles import write_lax_schemas

OLD = SchemaSet(Path("9.0.0"), 9_000_000)
NEW = SchemaSet(Path("12.8.0"), 12_008_000)


def test_folder_with_a_grammar_is_the_one_that_was_chosen(tmp_path: Path) -> None:
    write_lax_schemas(tmp_path)

    assert find_schemas(tmp_path) == (SchemaSet(tmp_path, None, is_chosen=True),)


def test_folder_of_releases_is_read_by_their_names(tmp_path: Path) -> None:
    for name in ("12.8.0", "9.0", "notes"):
        write_lax_schemas(tmp_path / name)
    (tmp_path / "11.3.0").mkdir()

    assert find_schemas(tmp_path) == (
        SchemaSet(tmp_path / "9.0", 9_000_000),
        SchemaSet(tmp_path / "12.8.0", 12_008_000),
    )


def test_folder_without_a_grammar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetPolicyError) as raised:
        find_schemas(tmp_path / "missing")

    (finding,) = raised.value.diagnostics
    assert (finding.rule.id, finding.why) == (
        "FP442",
        (
            f"{tmp_path}/missing holds neither domain.rng nor folders named by a release, such as "
            "12.8.0/domain.rng"
        ),
    )


def test_installed_schemas_are_of_the_installed_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib" / "aarch64-linux-gnu").mkdir(parents=True)
    (tmp_path / "lib" / "aarch64-linux-gnu" / "libvirt.so.0.12008.1").touch()
    monkeypatch.setattr(schemas, "_LIBRARIES", (str(tmp_path / "lib"),))
    monkeypatch.setattr(schemas, "INSTALLED", write_lax_schemas(tmp_path / "share"))

    assert find_schemas(None) == (SchemaSet(tmp_path / "share", 12_008_001),)


def test_installed_schemas_without_a_library_are_of_no_known_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "_LIBRARIES", (str(tmp_path / "lib"),))
    monkeypatch.setattr(schemas, "INSTALLED", write_lax_schemas(tmp_path / "share"))

    (found,) = find_schemas(None)

    assert str(found) == f"the schemas in {tmp_path}/share (libvirt of unknown version)"
    assert not found.proves_good(12_008_000)
    assert not found.proves_bad(12_008_000)


def test_schemas_are_the_newest_that_the_libvirt_is_not_older_than() -> None:
    assert choose((OLD, NEW), 12_008_003) is NEW
    assert choose((OLD, NEW), 12_007_000) is OLD
    assert choose((OLD, NEW), 8_000_000) is OLD


@pytest.mark.parametrize(
    ("version", "is_good", "is_bad"),
    [
        (9_000_000, True, True),
        (9_000_005, True, True),
        (9_001_000, True, False),
        (8_010_000, False, True),
    ],
)
def test_schemas_prove_what_their_age_allows(version: int, is_good: bool, is_bad: bool) -> None:  # noqa: FBT001
    assert (OLD.proves_good(version), OLD.proves_bad(version)) == (is_good, is_bad)


def test_schemas_that_somebody_chose_prove_everything() -> None:
    chosen = SchemaSet(Path("schemas"), None, is_chosen=True)

    assert (chosen.proves_good(1), chosen.proves_bad(1)) == (True, True)


def test_version_is_spelt_as_libvirt_spells_it() -> None:
    assert spell(12_008_001) == "12.8.1"
