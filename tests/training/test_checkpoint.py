"""A run resumed from a checkpoint equals one that never stopped; a damaged checkpoint is noticed."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tlm_sweeps.errors import RunError
from tlm_sweeps.models.build import build
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.checkpoint import DamagedCheckpoint, SavedCheckpoint, load, load_newest_whole, save, save_model
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.job import TokenisedCorpus, TrainingJob
from tlm_sweeps.training.loop import Progress, finish, train
from tlm_sweeps.training.state import RunState, set_weights, start
from tlm_sweeps.training.windows import resident

MakeJob = Callable[..., TrainingJob]
RICH_TRAINING = {
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "schedule": {"kind": "cosine", "warmup": 0.2},
    "clip": 0.5,
    "batch_size": 150,  # three steps an epoch, the last with a smaller batch
}
KINDS = (
    {"kind": "linear"},
    {"kind": "mlp", "hidden": 8, "dropout": 0.2},
    {"kind": "attention", "heads": 2, "dropout": 0.2, "norm_placement": "post", "positions": "learned"},
    {"kind": "transformer", "depth": 2, "heads": 2, "dropout": 0.2, "positions": "rope", "tied_head": True},
)


def rich(job: MakeJob, model: dict[str, Any]) -> TrainingJob:
    """A job with everything that has a state: moments, schedule, clipping, dropout, shuffled windows, patience."""
    predict = "all" if model["kind"] == "transformer" else "last"
    training = RICH_TRAINING | {"windows": "shuffled", "predict": predict}
    return job(model, training, {"every": 0.3, "patience": 9}, steps=10)


def what_it_found(state: RunState) -> tuple:
    measurements = [each.model_dump(exclude={"wall_seconds"}) for each in state.measurements]
    outcome = vars(finish(state)) | {"wall_seconds": 0}
    return measurements, outcome, {name: each.tolist() for name, each in state.module.named_parameters()}


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model["kind"])
def test_a_run_resumed_after_any_event_equals_one_that_never_stopped(
    job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path, model: dict
):
    asked = rich(job, model)
    whole = start(asked, corpus)
    events = list(train(whole))
    expected = what_it_found(whole)
    for stopped_after in range(len(events) + 1):
        state = start(asked, corpus)
        list(itertools.islice(train(state), stopped_after))
        saved = save(state, tmp_path / str(stopped_after))
        torch.randn(3)
        resumed = load(asked, corpus, tmp_path / str(stopped_after), saved)
        rest = list(train(resumed))
        assert [(type(each), each.step) for each in rest] == [
            (type(each), each.step) for each in events[stopped_after:]
        ]
        assert what_it_found(resumed) == expected


def test_a_run_that_stops_at_every_step_equals_one_that_never_stopped(
    job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path
):
    asked = rich(job, KINDS[3])
    whole = start(asked, corpus)
    list(train(whole))
    state = start(asked, corpus)
    while next(iter(train(state)), None) is not None:
        state = load(asked, corpus, tmp_path, save(state, tmp_path))
    assert what_it_found(state) == what_it_found(whole)


def test_wall_time_goes_on_over_a_resume(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    state = start(job(), corpus)
    list(itertools.islice(train(state), 4))
    resumed = load(state.job, corpus, tmp_path, save(state, tmp_path))
    assert resumed.wall_seconds == state.wall_seconds > 0


def checkpointed(state: RunState, folder: Path, *at_steps: int) -> list[SavedCheckpoint]:
    """Train to the end; the checkpoints that were saved on the way, newest first."""
    saved = []
    for event in train(state):
        if isinstance(event, Progress) and event.step in at_steps:
            saved.insert(0, save(state, folder))
    return saved


def test_the_two_newest_checkpoints_are_kept(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    checkpointed(start(job(), corpus), tmp_path, 2, 4, 6, 8)
    kept = {f"step-{step:09d}.{ending}" for step in (6, 8) for ending in ("json", "safetensors")}
    assert {path.name for path in tmp_path.iterdir()} == kept


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half, empty, Path.unlink])
@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path, damage: Callable[[Path], None], ending: str
):
    state = start(job(), corpus)
    earlier = checkpointed(state, tmp_path, 4)
    newest = save(state, tmp_path)
    damage(tmp_path / f"{newest.name}.{ending}")
    with pytest.raises(DamagedCheckpoint) as refused:
        load(state.job, corpus, tmp_path, newest)
    assert newest.name in str(refused.value)
    found = load_newest_whole(state.job, corpus, tmp_path, [newest, *earlier])
    assert found is not None
    assert found.step == 4


def test_a_checkpoint_is_not_taken_for_another_of_the_same_name(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    state = start(job(), corpus)
    save(state, tmp_path / "one")
    next(iter(train(state)))
    remembered = save(state, tmp_path / "two")
    other = start(job(seed=1), corpus)
    next(iter(train(other)))
    save(other, tmp_path / "two")
    with pytest.raises(DamagedCheckpoint, match="sha256"):
        load(state.job, corpus, tmp_path / "two", remembered)


def test_without_a_whole_checkpoint_there_is_none(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    assert load_newest_whole(job(), corpus, tmp_path, []) is None
    assert load_newest_whole(job(), corpus, tmp_path / "missing", [SavedCheckpoint("step-000000003", "00", 3)]) is None


def test_a_checkpoint_that_was_not_acknowledged_is_not_used(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    state = start(job(), corpus)
    first, *_ = checkpointed(state, tmp_path, 4)
    save(state, tmp_path)
    found = load_newest_whole(state.job, corpus, tmp_path, [first])
    assert found is not None
    assert found.step == 4


def test_another_jobs_checkpoint_is_refused(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    saved = save(start(job(), corpus), tmp_path)
    for other in (job(seed=1), job(steps=13), job(training={"learning_rate": 0.5})):
        with pytest.raises(RunError, match="another experiment, seed or corpus"):
            load_newest_whole(other, corpus, tmp_path, [saved])


def test_after_a_resume_later_checkpoints_of_the_lost_run_are_dropped(
    job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path
):
    state = start(job(), corpus)
    earlier = checkpointed(state, tmp_path, 4)
    newest = save(state, tmp_path)
    flip_a_bit(tmp_path / f"{newest.name}.safetensors")
    resumed = load_newest_whole(state.job, corpus, tmp_path, [newest, *earlier])
    assert resumed is not None
    checkpointed(resumed, tmp_path, 6)
    assert sorted(path.stem for path in tmp_path.glob("*.json")) == ["step-000000004", "step-000000006"]


def test_measurements_come_back_as_they_were(job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path):
    state = start(job(), corpus)
    list(train(state))
    found = load(state.job, corpus, tmp_path, save(state, tmp_path))
    assert found.measurements == state.measurements
    assert all(isinstance(each, Measurement) for each in found.measurements)


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model["kind"])
def test_an_exported_model_scores_what_the_run_reported(
    job: MakeJob, corpus: TokenisedCorpus, tmp_path: Path, model: dict
):
    state = start(rich(job, model), corpus)
    list(train(state))
    weights, description = save_model(state, tmp_path)
    written = json.loads(description.read_text())
    experiment = ExperimentSpec.model_validate_json(json.dumps(written["experiment"]))
    module = build(experiment.model, written["corpus"]["vocabulary_size"])
    set_weights(module, load_file(weights))
    scored = evaluate(module, resident(corpus.test, torch.device("cpu")), experiment)
    assert scored.nll == finish(state).test_nll
