"""Arms choose runs by what they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.arms import Arm, records_of, scores_of, value_of

Trained = Callable[..., SweepResults]


@pytest.fixture(scope="module")
def sweeps(trained: Trained):
    found = trained("sweep-heads.yaml", lambda trial, seed: 2.3 + 0.01 * seed + 0.1 * trial.settings["model.heads"])
    return {found.spec.name: found}


def test_an_arm_has_a_run_for_each_seed(sweeps: dict[str, SweepResults]):
    found = scores_of(Arm("tradeoffs-heads", "two heads", {"model.heads": 2}), sweeps)
    assert found == pytest.approx({seed: 2.5 + 0.01 * seed for seed in range(5)})


def test_validation_nlls_are_had_as_well(sweeps: dict[str, SweepResults]):
    found = scores_of(Arm("tradeoffs-heads", "one head", {"model.heads": 1}), sweeps, "val_nll")
    assert found[0] == pytest.approx(2.44)


def test_an_arm_of_a_sweep_that_was_not_run_is_empty(sweeps: dict[str, SweepResults]):
    assert records_of(Arm("tradeoffs-depth", "two layers", {"model.depth": 2}), sweeps) == {}
    assert records_of(Arm("tradeoffs-heads", "eight heads", {"model.heads": 8}), sweeps) == {}


def test_an_arm_that_does_not_say_which_runs_it_means_is_refused(sweeps: dict[str, SweepResults]):
    with pytest.raises(ValueError, match="are of one seed"):
        records_of(Arm("tradeoffs-heads", "all heads"), sweeps)


def test_runs_that_are_not_complete_do_not_count(sweeps: dict[str, SweepResults]):
    sweep = sweeps["tradeoffs-heads"]
    pruned = tuple(each.model_copy(update={"state": "pruned"}) for each in sweep.records)
    assert (
        records_of(Arm("tradeoffs-heads", "", {"model.heads": 2}), {sweep.spec.name: replace(sweep, records=pruned)})
        == {}
    )


def test_fields_have_dotted_names_and_those_that_a_model_lacks_no_value(sweeps: dict[str, SweepResults]):
    record = sweeps["tradeoffs-heads"].records[0].model_copy(update={"budget_flops": 7})
    assert value_of(record, "model.ffn_width") == 512
    assert value_of(record, "training.schedule.kind") == "constant"
    assert value_of(record, "budget.flops") == 7
    assert value_of(record, "model.hidden.size") is None


def test_a_run_without_a_number_is_no_score(sweeps: dict[str, SweepResults]):
    sweep = sweeps["tradeoffs-heads"]
    lost = {0: float("nan"), 1: float("inf"), 2: None}
    records = tuple(each.model_copy(update={"test_nll": lost.get(each.seed, each.test_nll)}) for each in sweep.records)
    found = scores_of(
        Arm("tradeoffs-heads", "", {"model.heads": 2}), {sweep.spec.name: replace(sweep, records=records)}
    )
    assert sorted(found) == [3, 4]
