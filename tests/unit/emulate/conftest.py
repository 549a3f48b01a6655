from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the cache of a test to itself."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FLEETPOLICY_CACHE", str(folder))
    return folder
