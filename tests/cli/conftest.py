"""The command line, called as the shell calls it but in this process; and one small sweep that really ran."""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.studies.study_runs import results_of
from tlm_sweeps.cli.app import main
from tlm_sweeps.studies.kept import keep

SPEC = """\
name: tiny
question: Which depth is best for 2 GFLOPs?
experiment:
  corpus: {name: python-docs, first_tokens: {train: 20000, valid: 2000, test: 2000}}
  model: {kind: transformer, width: 16, depth: 1, heads: 2, context: 16}
  training: {learning_rate: 1e-3, batch_size: 8}
  evaluation: {every: 25%}
search:
  model.depth: [1, 2]
  model.heads: [2, 3]
baselines:
  linear: {model.kind: linear, training.predict: last}
budget: {flops: 6e8, match: epochs}
engine: {sampler: grid}
"""
"""Three trials of a fraction of a second each, and two infeasible ones."""

STUDY = "architecture-tradeoffs"
SMALL = """\
name: tradeoffs-context
experiment:
  corpus: {name: python-docs, first_tokens: {train: 20000, valid: 2000, test: 2000}}
  model: {kind: linear, width: 8}
  training: {batch_size: 8, windows: replacement, windows_per_epoch: 64, epochs: 2, predict: last}
  evaluation: {every: epoch, windows: 32}
search: {model.context: [32, 64, 128]}
engine: {sampler: grid}
budget: {flops: 1e12, account: 2nd, match: none}
seeds: 2
"""
"""The study's context sweep cut down to moments, on a text that every machine has."""


@dataclass(frozen=True)
class Said:
    """What a command left with and said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Tlm = Callable[..., Said]


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, nobody logged in to W&B, and one cache for all tests: tokenising once is enough."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLM_CACHE", str(cache))
    monkeypatch.delenv("TLM_RUNS", raising=False)
    monkeypatch.delenv("TLM_DATA", raising=False)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-settings"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(cache / "hub"))


@pytest.fixture
def tlm(capfdbinary: pytest.CaptureFixture[bytes]) -> Tlm:
    """Run a command line, given as one text or as words."""

    def run(*words: str | Path) -> Said:
        given = (
            shlex.split(words[0]) if len(words) == 1 and isinstance(words[0], str) else [str(each) for each in words]
        )
        capfdbinary.readouterr()
        code = main(given)
        captured = capfdbinary.readouterr()
        return Said(code, captured.out.decode(), captured.err.decode())

    return run


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """The spec's file, in the folder where commands are run."""
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with the sweep `tiny`, run to its end by the API."""
    from tlm_sweeps import api

    folder = tmp_path_factory.mktemp("runs")
    file = folder / "tiny.yaml"
    file.write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        api.sweep(api.load(file), runs_dir=folder, workers=1)
    return folder


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Kept records of the sweep over heads: four heads far from the published value, the others at it."""
    published = {1: 2.3482, 2: 2.4033, 4: 2.3055}

    def test_nll(trial: Any, seed: int) -> float:
        heads = trial.settings["model.heads"]
        return published[heads] + 0.01 * (seed - 2) + (0.5 if heads == 4 else 0.0)

    keep(results_of("sweep-heads.yaml", test_nll), tmp_path / "records" / STUDY)
    return tmp_path / "records"


@pytest.fixture
def small_specs(tmp_path: Path) -> Path:
    """A folder with the spec of that sweep."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "sweep-context.yaml").write_text(SMALL)
    return folder
