import pytest

from tests.integration.consumers.programs import is_debian, needs


def test_program_that_is_there_is_found_with_its_path() -> None:
    assert needs("sh").endswith("/sh")


def test_path_that_is_there_is_returned() -> None:
    assert needs("/etc") == "/etc"


def test_program_that_is_missing_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no-such is missing: scripts/consumers"):
        needs("no-such")


def test_program_that_is_missing_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_debian():
        pytest.skip("this is not Debian")
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no-such is missing"):
        needs("no-such")
