"""Who sits in a committee, and every reason why somebody may not: one message, with a place and a hint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.committees.fine_tuned_runs import (
    Said,
    experiment_of,
    fine_tuned_sweep,
    record_of,
    said,
    write_ledger,
    write_run,
)
from tlm_sweeps.committees.members import ensure_comparable, gather
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.record import LabelScores


def seeds(names: Sequence[str], runs: Path) -> list[int]:
    """Of the members that names stand for."""
    return [member.record.seed for member in gather(names, runs).members]


def test_a_sweep_a_trial_and_a_run_are_names_of_members(runs: Path):
    assert seeds(["shallow"], runs) == seeds(["shallow/0"], runs) == [0, 1, 2, 3]
    assert seeds(["shallow/0000-s2", "shallow/0000-s0"], runs) == [2, 0]
    assert seeds(["shallow/0000-s1", "shallow"], runs) == [1, 0, 2, 3]  # each once


def test_a_baseline_is_a_name_too(tmp_path: Path):
    record = record_of("mixed", 3, experiment_of(), trial=1, baseline="random")
    write_ledger(tmp_path, "mixed", [record_of("mixed", 0, experiment_of(2)), record])
    write_run(tmp_path / "mixed" / record.run_id, experiment_of(), said(0))
    assert seeds(["mixed/random"], tmp_path) == [3]


def test_runs_that_are_not_complete_are_left_out_and_told(runs: Path):
    states = [
        record_of("half", seed, experiment_of(), state=state) for seed, state in enumerate(("complete", "failed"))
    ]
    write_ledger(runs, "half", states)
    write_run(runs / "half" / "0000-s0", experiment_of(), said(0))

    found = gather(["half"], runs)

    assert [member.record.seed for member in found.members] == [0]
    assert found.left_out == {"half/0000-s1": "failed"}


def test_a_committee_without_a_complete_run_is_empty(tmp_path: Path):
    write_ledger(tmp_path, "none", [record_of("none", 0, experiment_of(), state="waiting")])
    with pytest.raises(InputError, match="the committee is empty: none/0000-s0 is waiting"):
        gather(["none"], tmp_path)
    with pytest.raises(InputError, match="the committee is empty"):
        gather([], tmp_path)


def test_a_name_of_nothing_is_told_what_there_is(runs: Path):
    with pytest.raises(InputError, match="no sweep `nothing`"):
        gather(["nothing"], runs)
    with pytest.raises(InputError, match=r"(?s)has no run and no trial `7`.*name one of 0000-s0"):
        gather(["shallow/7"], runs)


def test_members_of_different_settings_sit_together_only_when_asked(runs: Path):
    with pytest.raises(InputError, match=r"(?s)different settings: 0000-s0 and 0000-s10.*--mixed"):
        gather(["shallow", "deep"], runs)
    assert len(gather(["shallow", "deep"], runs, is_mixed=True).members) == 6


def test_a_hint_names_trials_that_can_be_asked_for(tmp_path: Path):
    records = [record_of("two", 0, experiment_of(depth), trial=depth) for depth in (1, 2)]
    write_ledger(tmp_path, "two", records)
    for record, depth in zip(records, (1, 2), strict=True):
        write_run(tmp_path / "two" / record.run_id, experiment_of(depth), said(0))
    with pytest.raises(InputError, match=r"`two/1` \(depth 1\), `two/2` \(depth 2\)"):
        gather(["two"], tmp_path)
    assert len(gather(["two/2"], tmp_path).members) == 1


def test_predictions_of_another_run_are_refused(runs: Path):
    scores = LabelScores.model_validate(
        {"n": 40, "n_correct": 0, "accuracy": 0.0, "interval": (0.0, 0.1), "macro_f1": 0.0}
    )
    record = record_of("swapped", 0, experiment_of(), test_scores=scores)
    write_ledger(runs, "swapped", [record])
    write_run(runs / "swapped" / record.run_id, experiment_of(), said(0))
    with pytest.raises(InputError, match="the run's record says 0 of 40: it is another run's"):
        gather(["swapped"], runs)


def test_members_with_different_labels_are_refused(runs: Path):
    experiment = experiment_of()
    write_ledger(runs, "other", [record_of("other", 0, experiment)])
    labels = ("World", "Sports", "Business", "Weather")
    write_run(runs / "other" / "0000-s0", experiment, said(0), labels=labels)
    with pytest.raises(InputError, match=r"(?s)different labels.*World, Sports, Business") as told:
        gather(["shallow", "other"], runs)
    assert told.value.problems[0].place == "other/0000-s0"


def test_members_judged_on_different_examples_are_refused(runs: Path):
    experiment = experiment_of()
    records = [record_of("other", seed, experiment) for seed in (0, 1)]
    write_ledger(runs, "other", records)
    write_run(runs / "other" / "0000-s0", experiment, said(0), facts={"fingerprint": "another"})
    write_run(runs / "other" / "0000-s1", experiment, said(0, n_test=20))
    with pytest.raises(InputError, match=r"(?s)different examples of ag-news.*another of this run"):
        gather(["shallow", "other/0000-s0"], runs)
    with pytest.raises(InputError, match="different examples"):
        gather(["shallow", "other/0000-s1"], runs)
    ensure_comparable(*(gather([name], runs).members[0] for name in ("shallow", "deep")))


def test_a_run_that_tells_no_labels_apart_is_refused(tmp_path: Path):
    records = [record_of("pre", 0, experiment_of(depth), trial=depth) for depth in (1, 2)]
    write_ledger(tmp_path, "pre", [each.model_copy(update={"spec": {"model": {}}}) for each in records])
    with pytest.raises(InputError, match="tells no labels apart"):
        gather(["pre"], tmp_path)


def _lose(path: Path) -> None:
    path.unlink()


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _fill(path: Path) -> None:
    path.write_bytes(b"not a file of ours")


@pytest.mark.parametrize("file", ["predictions.safetensors", "model.json"])
@pytest.mark.parametrize("harm", [_lose, _tear, _fill])
def test_a_missing_or_damaged_file_is_named(runs: Path, file: str, harm: Callable[[Path], None]):
    path = runs / "shallow" / "0000-s1" / file
    harm(path)
    with pytest.raises(InputError, match=f"{file} of the run (cannot be read|is damaged)") as told:
        gather(["shallow"], runs)
    assert told.value.problems[0].place == str(path)
    assert len(gather(["shallow/0000-s0", "shallow/0000-s2"], runs).members) == 2  # as the hint says


def _without_valid(arrays: dict[str, np.ndarray]) -> None:
    del arrays["valid_logits"]


def _fewer_labels(arrays: dict[str, np.ndarray]) -> None:
    arrays["test_logits"] = arrays["test_logits"][:, :3].copy()


def _not_finite(arrays: dict[str, np.ndarray]) -> None:
    arrays["test_logits"][0, 0] = np.nan


def _beyond(arrays: dict[str, np.ndarray]) -> None:
    arrays["test_labels"][0] = 4


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without_valid, "holds no valid_logits"),
        (_fewer_labels, "do not fit 4 labels"),
        (_not_finite, "not all finite"),
        (_beyond, "not all from 0 to 3"),
    ],
)
def test_predictions_that_cannot_be_are_refused(
    runs: Path, harm: Callable[[dict[str, np.ndarray]], None], message: str
):
    path = runs / "shallow" / "0000-s3" / "predictions.safetensors"
    arrays = load_file(path)
    harm(arrays)
    save_file(arrays, path)
    with pytest.raises(InputError, match=message):
        gather(["shallow"], runs)


def test_a_description_of_no_encoder_is_refused(runs: Path):
    path = runs / "shallow" / "0000-s0" / "model.json"
    written = json.loads(path.read_text())
    written["experiment"]["model"] = {"kind": "linear", "width": 8, "context": 8}
    path.write_text(json.dumps(written))
    with pytest.raises(InputError, match="`linear`, not `bert`"):
        gather(["shallow"], runs)


def test_no_examples_are_refused(tmp_path: Path):
    nothing = Said(*(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)) * 2)
    fine_tuned_sweep(tmp_path, "empty", [nothing])
    with pytest.raises(InputError, match="no valid examples"):
        gather(["empty"], tmp_path)
