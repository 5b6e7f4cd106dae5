"""Which runs of a sweep become points, and what is refused: losses of different kinds are never mixed."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from tests.scaling.planted import TINY
from tests.scaling.swept import BUDGETS, WIDTHS, changed, swept, with_spec
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.scaling.sweep_points import Choice, observations_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.scaling.document import ParametricFit
from tlm_sweeps.scaling.fitting import fit


@pytest.fixture(scope="module")
def results() -> SweepResults:
    """Six widths at four budgets, two seeds."""
    return swept()


def test_every_run_is_a_point_with_its_counted_flops_and_predicted_tokens(results: SweepResults):
    found = observations_of([results], Choice())
    spent = sorted(record.train_flops["matmul"] for record in results.records if record.train_flops)

    assert sorted(point.train_flops for point in found.points) == spent
    assert len({point.setting for point in found.points}) == len(spent) / 2
    assert {point.budget_flops for point in found.points} == set(BUDGETS)
    assert len({point.n_params for point in found.points}) == len(WIDTHS)
    assert fmean(point.nll / TINY.nll(point.n_params, point.n_tokens) for point in found.points) == pytest.approx(
        1, abs=0.002
    )


def test_the_law_of_a_sweep_is_the_one_that_its_runs_follow(results: SweepResults):
    found = fit(observations_of([results], Choice()), resamples=100)

    assert isinstance(found.parametric, ParametricFit)
    for name in ("E", "A", "B", "alpha", "beta"):
        low, high = getattr(found.parametric, name).interval
        assert low <= getattr(TINY, name) <= high
    assert found.basis.cost_worst_error < 0.2
    assert found.basis.account == "matmul"


def test_parameters_and_tokens_are_counted_as_asked(results: SweepResults):
    found = observations_of([results], Choice(sizes="non-embedding", tokens="positions", account="6nd"))
    records = {(record.n_params_non_embedding or 0, record.positions or 0) for record in results.records}

    assert {(point.n_params, point.n_tokens) for point in found.points} == records
    assert {point.train_flops for point in found.points} == {6 * size * tokens for size, tokens in records}


def test_of_one_size_at_one_budget_the_best_setting_is_fitted():
    rates = {"model.width": list(WIDTHS), "training.learning_rate": [1e-3, 3e-3]}
    results = swept(search=rates, seeds=1, budget={"flops": 1e11})
    every = observations_of([results], Choice(which="all"))
    found = observations_of([results], Choice())

    assert len(every.points) == 2 * len(found.points) == 2 * len(WIDTHS)
    assert found.left_out == {"not the best of their size at their budget": len(WIDTHS)}
    for point in found.points:
        assert point.nll == min(each.nll for each in every.points if each.n_params == point.n_params)


def last_of(record: Record) -> dict[str, object]:
    return with_spec(record, "training", {"predict": "last"})


def test_last_and_all_are_never_mixed(results: SweepResults):
    mixed = changed(results, 3, spec=last_of(results.records[0]))
    with pytest.raises(InputError, match=r"differ in training.predict: all, last") as refused:
        observations_of([mixed], Choice())

    assert "--only training.predict=all" in str(refused.value)
    kept = observations_of([mixed], Choice(only={"training.predict": "all"}))
    assert len(kept.points) == len(results.records) - 2
    assert kept.left_out == {"not as --only asks": 1}
    assert kept.alike["training.predict"] == "all"


def test_losses_on_different_texts_are_never_mixed(results: SweepResults):
    provenance = results.records[0].provenance
    other = provenance.model_copy(update={"corpus": {**provenance.corpus, "fingerprint": "4f" * 32}})
    with pytest.raises(InputError, match="2 different texts"):
        observations_of([results, changed(results, 0, provenance=other)], Choice())


def test_sweeps_in_different_accounts_ask_for_one(results: SweepResults):
    other = swept(budget={"flops": 1e11, "account": "6nd"}, name="other")
    with pytest.raises(InputError, match="different accounts: matmul, 6nd"):
        observations_of([results, other], Choice())

    found = observations_of([results, other], Choice(account="6nd"))
    assert found.sources == ("scaled", "other")
    assert {point.train_flops for point in found.points} == {
        record.train_flops["6nd"] for each in (results, other) for record in each.records if record.train_flops
    }


def test_what_is_not_complete_is_left_out_and_counted(results: SweepResults):
    failed = changed(changed(results, 1, state="failed", val_nll=None), 2, baseline="linear")

    assert observations_of([failed], Choice()).left_out == {"not complete": 1, "baselines": 1}


def test_a_sweep_without_a_usable_run_is_refused(results: SweepResults):
    none = replace(results, records=tuple(record.model_copy(update={"targets": None}) for record in results.records))
    with pytest.raises(InputError, match="24 without counts of parameters, tokens or FLOPs"):
        observations_of([none], Choice())


def test_repeated_text_and_overtraining_are_said(results: SweepResults):
    found = observations_of([changed(changed(results, 0, epochs=9.0), 1, best_step=1)], Choice())

    assert "1 of 24 settings saw their text more than 4 times (most: 9)" in " ".join(found.notes)
    assert "1 of 24 settings were at their best before their last step" in " ".join(found.notes)
