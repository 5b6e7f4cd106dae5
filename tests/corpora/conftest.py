"""A cache of its own for every test, and the folder with the real corpora where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder; nothing outside the test's own folder is found or written."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TLM_CACHE", str(folder))
    monkeypatch.delenv("TLM_DATA", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub whose name does not resolve, here or anywhere."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with Tiny Shakespeare, Penn Treebank and WikiText-2."""
    folder = Path(os.environ.get("TLM_DATA") or _REPOSITORY.parent / "shared" / "data")
    if not (folder / "tinyshakespeare").is_dir():
        pytest.skip("the real corpora are not on this machine: set TLM_DATA to their folder")
    return folder.resolve()
