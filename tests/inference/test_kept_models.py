"""A run's model is found by its name, is the one that was trained, and is refused where its files are not whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlm_sweeps as tlm
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.kept_models import KeptModel, find_run, read_model
from tlm_sweeps.inference.texts import text_of

Model = Callable[[str], KeptModel]


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Path:
    """A copy of the runs folder with the words' sweep alone, to be damaged."""
    shutil.copytree(runs / "words", tmp_path / "words")
    return tmp_path


def test_a_sweep_stands_for_its_best_run(runs: Path):
    records = tlm.results("characters", runs).records
    best = min(records, key=lambda record: record.val_nll or 99)

    assert find_run("characters", runs).run_id == best.run_id


@pytest.mark.parametrize("within", ["linear", "run", "trial"])
def test_a_run_is_named_by_itself_its_trial_or_its_baseline(runs: Path, within: str):
    (wanted,) = (each for each in tlm.results("characters", runs).records if each.baseline == "linear")
    name = {"linear": "linear", "run": wanted.run_id, "trial": str(wanted.trial)}[within]

    assert find_run(f"characters/{name}", runs).run_id == wanted.run_id


@pytest.mark.parametrize(("name", "said"), [("nothing", "no sweep `nothing`"), ("words/17", "no trial `17`")])
def test_a_name_that_stands_for_nothing_is_refused(runs: Path, name: str, said: str):
    with pytest.raises(InputError, match=said):
        find_run(name, runs)


def test_a_model_has_the_parameters_that_its_record_counts(model: Model):
    for name in ("characters", "characters/llama", "characters/mlp", "words", "gaps"):
        found = model(name)
        counted = sum(each.numel() for each in found.module.parameters())

        assert counted == found.record.n_params
        assert not found.module.training


def _of_another_run(folder: Path) -> None:
    path = folder / "model.json"
    written = json.loads(path.read_bytes())
    written["experiment"]["training"]["batch_size"] = 9
    path.write_text(json.dumps(written))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be read: No such file"),
    "torn": (lambda folder: (folder / "model.safetensors").write_bytes(b"half a fi"), "is damaged"),
    "no JSON": (lambda folder: (folder / "model.json").write_text("{"), "is damaged: JSON"),
    "no experiment": (lambda folder: (folder / "model.json").write_text("{}"), "is damaged: KeyError"),
    "another run's": (_of_another_run, "it is another run's"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_that_are_not_the_run_s_are_refused(copied: Path, damage: str):
    break_, said = DAMAGES[damage]
    (folder,) = (path.parent for path in copied.glob("words/*/model.json"))
    break_(folder)

    with pytest.raises(InputError, match=said) as error:
        read_model("words", copied)
    assert error.value.problems[0].place.startswith(str(folder))


def test_weights_of_another_shape_are_refused(runs: Path, copied: Path):
    (folder,) = (path.parent for path in copied.glob("words/*/model.json"))
    shutil.copy(find_folder(runs, "characters/llama") / "model.safetensors", folder / "model.safetensors")

    with pytest.raises(InputError, match="its tensors are not those"):
        read_model("words", copied)


def test_a_text_that_has_changed_since_is_refused(model: Model, articles: Path):
    found = model("words")
    before = articles.read_text()
    try:
        articles.write_text(before.replace("treaty", "truce"))
        with pytest.raises(InputError, match=r"is not the one that words/\S+ was trained on"):
            text_of(found)
    finally:
        articles.write_text(before)
    text_of(found)


def find_folder(runs: Path, name: str) -> Path:
    """The folder of the run that a name stands for."""
    return read_model(name, runs).folder
