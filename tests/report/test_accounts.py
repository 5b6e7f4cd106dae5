"""What was spent and what came to nothing: nothing is lost, nothing counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tlm_sweeps.report.costs import ACCOUNTS, costs
from tlm_sweeps.report.origins import origins
from tlm_sweeps.report.outcomes import outcomes
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record


def test_costs_add_up_in_every_account(make_results: Callable[..., SweepResults]):
    results = make_results()
    *states, total = costs(results)
    for place, account in enumerate(ACCOUNTS):
        spent = sum(record.train_flops[account] for record in results.records if record.train_flops)
        assert total.train_flops[place] == spent == sum(cost.train_flops[place] for cost in states)
    assert total.runs == len(results.records) == sum(cost.runs for cost in states)
    assert total.train_flops[0] == results.spent_flops


def test_every_run_that_is_no_result_is_counted_once(make_results: Callable[..., SweepResults]):
    results = make_results()
    found: Counter[str] = Counter()
    for outcome in outcomes(results.records):
        found[outcome.state] += outcome.count
    states = Counter(record.state for record in results.records)
    assert found == {state: states[state] for state in ("failed", "pruned", "infeasible")}


def test_reasons_that_differ_in_numbers_only_are_one(make_record: Callable[..., Record]):
    reasons = ["loss is NaN at step 12", "loss is NaN at step 3,400", "worker died (signal 9)"]
    records = [make_record(trial=n, state="failed", reason=reason) for n, reason in enumerate(reasons)]
    first, second = outcomes(records)
    assert (first.count, first.reason) == (2, reasons[0])
    assert any(reasons[1] in example for example in first.examples)
    assert second.reason == reasons[2]


def test_seeds_of_a_trial_are_one_example(make_record: Callable[..., Record]):
    records = [make_record(trial=1, seed=seed, state="pruned", reason="median") for seed in range(3)]
    (found,) = outcomes(records)
    assert (found.count, found.n_trials, len(found.examples)) == (3, 1, 1)


def test_a_missing_reason_is_said_to_be_missing(make_record: Callable[..., Record]):
    (found,) = outcomes([make_record(state="failed")])
    assert "no reason" in found.reason


def test_provenance_is_said_once_where_it_agrees_and_in_full_where_not(make_results: Callable[..., SweepResults]):
    results = make_results()
    facts = dict(origins(results))
    assert facts["commit"] == ["0123456789abcdef0123456789abcdef01234567"]
    assert "450,000" in facts["corpus"][0]
    assert facts["started by"] == ["tlm-sweeps sweep sweeps/quickstart.yaml"]
