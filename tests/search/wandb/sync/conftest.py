"""An offline sweep that was trained once for all tests, and a server to upload it to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.search.wandb.sync.offline_sweep import finish, nobody_logged_in, offline
from tests.wandb_server.serving import Server, environment, serving


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(" ".join(f"word{number % 17} and" for number in range(1500)))
    return path


@pytest.fixture(scope="session")
def kept(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with an offline sweep of three runs, trained once for all tests."""
    runs = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        nobody_logged_in(patch, runs)
        finish(offline(text), runs)
    return runs


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    """The same, for one test."""
    return Path(shutil.copytree(kept, tmp_path / "runs"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and everything here logged in there; nothing of the client is left behind."""
    import wandb

    nobody_logged_in(monkeypatch, tmp_path)
    with serving() as server:
        for name, value in environment(server, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield server
        wandb.teardown()
        assert server.state.refusals == []
