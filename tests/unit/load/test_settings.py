from datetime import timedelta
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load.settings import Settings, load_settings


def refusals(path: Path) -> list[str]:
    with pytest.raises(FleetPolicyError) as caught:
        load_settings(path.parent, path)
    return [
        f"{item.span}: {item.rule.name}: {item.why}; fix: {item.fix}".replace(f"{path.parent}/", "")
        for item in caught.value.diagnostics
    ]


def test_settings_are_found_upwards_to_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "repository/.git").mkdir(parents=True)
    start = tmp_path / "repository/a/b"
    start.mkdir(parents=True)
    file = tmp_path / "repository/fleetpolicy.yaml"
    file.write_text("policies: [policies, more/p.yaml]\nfacts: facts\nx-note: ours\n")

    settings = load_settings(start, None)

    assert settings == Settings(
        policies=(file.parent / "policies", file.parent / "more/p.yaml"),
        facts=file.parent / "facts",
        source=file,
    )


def test_settings_above_the_repository_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "fleetpolicy.yaml").write_text("inventory: hosts\n")
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "plain").mkdir()

    assert load_settings(tmp_path / "repository", None) == Settings()
    assert load_settings(tmp_path / "plain", None) == Settings()


def test_paths_below_the_working_directory_are_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleetpolicy.yaml").write_text("inventory: inventories/demo\n")

    settings = load_settings(Path.cwd(), None)

    assert settings.inventory == Path("inventories/demo")


def test_empty_file_names_no_places(tmp_path: Path) -> None:
    path = tmp_path / "fleetpolicy.yaml"
    path.write_text("# nothing yet\n")

    assert load_settings(tmp_path, path) == Settings(source=path)


def test_file_that_is_named_must_exist(tmp_path: Path) -> None:
    assert refusals(tmp_path / "s.yaml") == [
        (
            "s.yaml: file-unreadable: No such file or directory; "
            "fix: correct the path, or make it readable"
        )
    ]


def test_everything_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text('policy: [a]\nfacts: [b]\ninventory: "a\\nb"\n---\nfacts: x\n')

    assert refusals(path) == [
        "s.yaml:1:1: unknown-key: the document has no key 'policy'; fix: write policies",
        (
            "s.yaml:2:8: bad-value: facts is a sequence; "
            "fix: write a folder, or a mapping with folder and maxAge"
        ),
        (
            "s.yaml:3:12: bad-value: inventory is 'a\\nb'; fix: write one line of text without "
            "control characters, at most 500 of them"
        ),
        (
            "s.yaml:5:1: not-a-policy-document: the file has more than one document; "
            "fix: keep one document of settings"
        ),
    ]


def test_settings_that_cannot_be_parsed_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("policies: *\n")

    assert [line.split(": while")[0] for line in refusals(path)] == ["s.yaml:1:12: yaml-syntax"]


def test_facts_may_be_a_folder_with_an_age(tmp_path: Path) -> None:
    path = tmp_path / "fleetpolicy.yaml"
    path.write_text("facts: {folder: looks, maxAge: 30d}\n")

    settings = load_settings(tmp_path, path)

    assert settings == Settings(facts=tmp_path / "looks", source=path, max_age=timedelta(days=30))


def test_facts_that_are_too_old_to_say_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleetpolicy.yaml"
    path.write_text("facts: {maxAge: 30x}\n")

    assert refusals(path) == [
        (
            "fleetpolicy.yaml:1:17: bad-value: facts.maxAge is '30x'; "
            "fix: write a whole number with s, m, h or d, such as 30m"
        )
    ]


def toml(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.accepts("FP117")
def test_settings_may_be_a_table_of_a_pyproject(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    start = tmp_path / "a/b"
    start.mkdir(parents=True)
    toml(tmp_path / "a/pyproject.toml", '[project]\nname = "of-another-tool"\n')
    file = toml(
        tmp_path / "pyproject.toml",
        '[tool.fleetpolicy]\ninventory = "fleet"\nfacts = {folder = "looks", maxAge = "30d"}\n',
    )

    assert load_settings(start, None) == Settings(
        facts=tmp_path / "looks",
        inventory=tmp_path / "fleet",
        source=file,
        max_age=timedelta(days=30),
    )


def test_settings_file_comes_before_a_pyproject_that_is_nearer(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    toml(tmp_path / "a/pyproject.toml", '[tool.fleetpolicy]\ninventory = "near"\n')
    (tmp_path / "fleetpolicy.yaml").write_text("inventory: far\n")

    assert load_settings(tmp_path / "a", None).inventory == tmp_path / "far"


def test_pyproject_of_another_tool_says_nothing(tmp_path: Path) -> None:
    toml(tmp_path / "pyproject.toml", "this is no TOML\n")

    assert load_settings(tmp_path, None) == Settings()

    toml(tmp_path / "pyproject.toml", '[project]\ndependencies = ["fleetpolicy"]\n')

    assert load_settings(tmp_path, None) == Settings()


def test_pyproject_that_is_named_has_the_table(tmp_path: Path) -> None:
    path = toml(tmp_path / "pyproject.toml", "[project]\n")

    assert refusals(path) == [
        (
            "pyproject.toml: missing-key: the file has no table tool.fleetpolicy; "
            "fix: add [tool.fleetpolicy]"
        )
    ]


@pytest.mark.shows("FP117")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.fleetpolicy]\ninventory = fleet\n", "2:13: toml-syntax: Invalid value"),
        (
            "[tool.fleetpolicy",
            "1:1: toml-syntax: Expected ']' at the end of a table declaration",
        ),
        ("[tool.fleetpolicy]\ninventory =", "2:1: toml-syntax: Invalid value"),
    ],
)
def test_pyproject_that_is_no_toml_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = toml(tmp_path / "pyproject.toml", text)

    assert refusals(path) == [
        f"pyproject.toml:{said}; fix: correct the TOML, or keep the settings in fleetpolicy.yaml"
    ]


@pytest.mark.shows("FP117")
def test_pyproject_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(b"[tool.fleetpolicy]\ninventory = '\xff'\n")

    assert refusals(path) == [
        (
            "pyproject.toml: toml-syntax: it is not UTF-8; "
            "fix: correct the TOML, or keep the settings in fleetpolicy.yaml"
        )
    ]


def test_what_is_wrong_in_a_pyproject_has_the_place_of_the_table(tmp_path: Path) -> None:
    path = toml(
        tmp_path / "pyproject.toml",
        '[project]\nname = "a"\n\n[tool.fleetpolicy]\npolicies = [1]\ninventry = "a"\n',
    )

    assert refusals(path) == [
        "pyproject.toml:4:1: unknown-key: the document has no key 'inventry'; fix: write inventory",
        (
            "pyproject.toml:4:1: bad-value: tool.fleetpolicy.policies[0] is 1, which is no text; "
            'fix: put it into quotes: "1"'
        ),
    ]
