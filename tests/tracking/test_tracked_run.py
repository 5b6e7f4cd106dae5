"""What W&B is told, as data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.tracking.tracked_run import TrackedRun, WandbPlace, config, group, nested, point, summary, wandb_id

sweep_names = st.text("Az09._-", min_size=1, max_size=100)
borrows_run = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(sweep=sweep_names, trial=st.integers(0, 99_999), seed=st.integers(0, 2**32 - 1))
@borrows_run
def test_an_id_is_what_wandb_accepts(run: TrackedRun, sweep: str, trial: int, seed: int):
    told = replace(run, run_id=f"{sweep}-{trial:04d}-s{seed}")
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", wandb_id(told))


def test_an_id_is_the_same_in_every_session_of_a_run(run: TrackedRun):
    again = replace(run, resumed_from_step=500, tags=("other",), provenance=None)
    assert wandb_id(again) == wandb_id(run)


def test_ids_tell_runs_and_sweeps_apart_even_where_names_are_cut(run: TrackedRun):
    long = "a-sweep-with-a-name-" + "x" * 80
    others = [
        run,
        replace(run, sweep_fingerprint="00" * 32),
        replace(run, run_id=f"{long}-0001-s0"),
        replace(run, run_id=f"{long}-0001-s1"),
    ]
    assert len({wandb_id(other) for other in others}) == len(others)


def test_a_group_is_a_trial(run: TrackedRun):
    assert group(run) == group(replace(run, run_id="quickstart-0003-s1", seed=1)) == "quickstart-trial-0003"
    assert group(replace(run, trial=4)) != group(run)


def test_the_config_is_the_spec_and_what_the_run_is(run: TrackedRun):
    told = config(run)
    assert told["model"]["depth"] == 2
    assert told["settings"] == {"model": {"depth": 2}, "training": {"learning_rate": 1e-3}}
    assert (told["trial"], told["seed"], told["n_params"]) == (3, 0, 123_456)
    assert told["budget"] == {"flops": 2 * 10**13, "account": "matmul"}


words = st.text("abc", min_size=1, max_size=3)


@given(st.dictionaries(st.tuples(words, words).map(".".join), st.integers()))
def test_nested_settings_hold_every_dotted_one(dotted: dict[str, int]):
    tree = nested(dotted)
    flat = {f"{level}.{name}": value for level, names in tree.items() for name, value in names.items()}
    assert flat == dotted
    assert not any("." in level for level in tree)


@pytest.mark.parametrize("account", ["matmul", "6nd", "2nd"])
def test_the_x_axis_is_in_the_budgets_account(run: TrackedRun, measure: Callable[[int], Measurement], account: Account):
    told = point(replace(run, account=account), measure(50))
    assert told["spent_flops"] == measure(50).train_flops[account]


def test_a_point_has_the_nlls_in_nats_and_in_bits_per_character(run: TrackedRun, measure: Callable[[int], Measurement]):
    told = point(run, measure(100))
    assert (told["train_nll"], told["val_nll"]) == (2.9, 3.0)
    assert told["val_bits_per_char"] == pytest.approx(3.0 * math.log2(math.e))
    assert told["flop_per_second"] == 1e13  # 1e14 FLOPs in 10 s


def test_words_have_no_bits_per_character(run: TrackedRun, measure: Callable[[int], Measurement]):
    words = replace(run, spec={"corpus": {"name": "ptb", "level": "word"}})
    assert "val_bits_per_char" not in point(words, measure(100))


def test_before_any_time_has_passed_there_is_no_rate(run: TrackedRun, measure: Callable[[int], Measurement]):
    assert "flop_per_second" not in point(run, measure(0))


def test_a_summary_has_the_three_accounts_and_what_is_unspent(run: TrackedRun):
    spent = {"matmul": 2 * 10**13 - 7, "6nd": 18, "2nd": 6}
    told = summary(
        run, {"train_flops": spent, "val_nll": 1.5, "test_nll": 1.6, "steps": 10, "best_step": 9}, "complete"
    )
    assert (told["train_flops_matmul"], told["train_flops_6nd"], told["train_flops_2nd"]) == (2 * 10**13 - 7, 18, 6)
    assert (told["budget_flops"], told["unspent_flops"]) == (2 * 10**13, 7)
    assert (told["val_nll"], told["test_nll"], told["steps"], told["best_step"]) == (1.5, 1.6, 10, 9)
    assert told["test_bits_per_char"] == pytest.approx(1.6 / math.log(2))
    assert told["state"] == "complete"


def test_a_summary_leaves_out_what_is_not_known(run: TrackedRun):
    told = summary(
        replace(run, budget_flops=None, n_params=None), {"test_nll": None, "reason": "diverged at step 3"}, "failed"
    )
    assert told == {"reason": "diverged at step 3", "state": "failed", "val_nll": None}, (
        "W&B would keep the last point's"
    )


def test_a_point_says_what_was_trained_on_and_one_of_an_older_version_does_not(
    run: TrackedRun, measure: Callable[[int], Measurement]
):
    counted = measure(100).model_copy(update={"positions": 1280, "targets": 10})
    told = point(run, counted)
    assert (told["positions"], told["targets"]) == (1280, 10)
    assert told["train_bits_per_char"] == pytest.approx(2.9 / math.log(2))
    assert not {"positions", "targets"} & point(run, measure(100)).keys()


def test_a_run_of_a_wandb_sweep_is_where_its_sweep_has_it(run: TrackedRun):
    place = WandbPlace(sweep_id="abcd1234", run_id="r1", group="shapes-0123", config={"model.depth": 2, "claim": 7})
    there = replace(run, place=place)
    assert (wandb_id(there), group(there)) == ("r1", "shapes-0123")
    assert config(there) == config(run) | {"model.depth": 2, "claim": 7}


def test_a_place_may_leave_the_id_and_the_group_to_the_run(run: TrackedRun):
    there = replace(run, place=WandbPlace(sweep_id="abcd1234"))
    assert (wandb_id(there), group(there)) == (wandb_id(run), group(run))


def test_a_summary_knows_the_size_even_of_a_run_that_failed_early(run: TrackedRun):
    assert summary(run, {"reason": "out of memory"}, "failed")["n_params"] == 123_456
