"""Contrasts against scipy's own tests, and every verdict that there is; sides that are tuned, or parts of curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.contrasts import Contrast, compare_all, holm, paired_p
from tlm_sweeps.studies.sides import Lowest, Tuned, measure

MadeUp = Callable[..., SweepResults]
RATES = "training.learning_rate"
DEEP, FLAT = Arm("s", "deep", {"model.depth": 2}), Arm("s", "flat", {"model.depth": 1})


def of_depths(made_up: MadeUp, deep: Mapping[int, object], flat: Mapping[int, object]) -> dict[str, SweepResults]:
    """A sweep of two settings."""
    return {"s": made_up("s", ({"model.depth": 2}, deep), ({"model.depth": 1}, flat))}


@given(st.lists(st.floats(-2, 2).map(lambda each: round(each, 3)), min_size=3, max_size=9))
def test_p_is_scipys(differences: list[float]):
    if max(differences) - min(differences) < 0.01:
        return
    theirs = scipy.stats.ttest_1samp(differences, 0.0)[1]
    assert paired_p(differences) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_differences_without_spread_are_certain():
    assert paired_p([0.5, 0.5, 0.5]) == 0
    assert paired_p([0.0, 0.0, 0.0]) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_corrects_upwards_keeps_the_order_and_is_gentler_than_bonferroni(ps: list[float]):
    corrected = [each for each in holm(ps) if each is not None]
    assert all(p <= found <= min(1, len(ps) * p) + 1e-12 for p, found in zip(ps, corrected, strict=True))
    by_p = [found for _, found in sorted(zip(ps, corrected, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_of_a_textbook():
    # Holm's procedure on 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("deep", "verdict"),
    [
        ({0: 2.0, 1: 2.11, 2: 2.19}, "holds"),
        ({0: 3.0, 1: 3.11, 2: 3.19}, "reversed"),
        ({0: 2.4, 1: 2.7, 2: 2.65}, "within noise"),
        ({0: 2.0, 1: 2.1}, "not run"),
        ({0: 2.0, 1: 2.1, 7: 2.2}, "not run"),
        ({0: 2.0, 1: 2.1, 2: "running"}, "not run"),
        ({0: "failed", 1: "failed", 2: "failed"}, "not run"),
    ],
)
def test_every_verdict(deep: dict[int, object], verdict: str, made_up: MadeUp):
    sweeps = of_depths(made_up, deep, {0: 2.5, 1: 2.6, 2: 2.7})
    (found,) = compare_all([Contrast(DEEP, FLAT)], sweeps)
    assert found.verdict == verdict
    assert bool(found.missing) == (verdict == "not run")


def test_a_difference_is_second_less_first_over_common_seeds(made_up: MadeUp):
    sweeps = of_depths(made_up, {0: 2.0, 1: 2.1, 2: 2.2, 3: 9.0}, {0: 2.5, 1: 2.6, 2: 2.7})
    (found,) = compare_all([Contrast(DEEP, FLAT)], sweeps)
    assert found.differences == pytest.approx({0: 0.5, 1: 0.5, 2: 0.5})


def test_what_is_asked_together_is_corrected_together_even_where_it_is_not_run(made_up: MadeUp):
    sweeps = of_depths(made_up, {0: 2.0, 1: 2.10, 2: 2.20}, {0: 2.05, 1: 2.16, 2: 2.25})
    asked = Contrast(DEEP, FLAT)
    nowhere = Contrast(Arm("unknown", "x"), FLAT)
    (alone,), (beside, missing) = compare_all([asked], sweeps), compare_all([asked, nowhere], sweeps)
    assert alone.corrected_p == alone.p
    assert alone.p is not None
    assert beside.corrected_p == pytest.approx(2 * alone.p)
    assert missing.verdict == "not run"
    assert "unknown is not run" in missing.missing


def tuned(made_up: MadeUp, high: dict[int, object], low: dict[int, object]) -> dict[str, SweepResults]:
    """A sweep over two learning rates; outcomes are pairs of validation and test NLL."""
    cells = (({RATES: 0.003}, high), ({RATES: 0.001}, low))
    return {"s": made_up("s", *cells, search={RATES: [0.001, 0.003]})}


def test_validation_chooses_and_test_is_what_is_compared(made_up: MadeUp):
    sweeps = tuned(made_up, {0: (2.0, 2.4), 1: (2.0, 2.5)}, {0: (2.1, 1.0), 1: (2.1, 1.0)})
    found = measure(Tuned(Arm("s", "any")), sweeps)
    assert found.chosen == {RATES: 0.003}
    assert found.nlls == {0: 2.4, 1: 2.5}
    assert found.is_at_edge


def test_a_value_that_lacks_a_seed_is_not_chosen(made_up: MadeUp):
    sweeps = tuned(made_up, {0: (2.0, 2.4), 1: "failed"}, {0: (2.1, 1.0), 1: (2.1, 1.0)})
    assert measure(Tuned(Arm("s", "any")), sweeps).chosen == {RATES: 0.001}


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_nothing_is_chosen_while_a_run_may_still_turn_out_better(state: str, made_up: MadeUp):
    sweeps = tuned(made_up, {0: (2.0, 2.4), 1: state}, {0: (2.1, 1.0), 1: (2.1, 1.0)})
    found = measure(Tuned(Arm("s", "any")), sweeps)
    assert found.nlls == {}
    assert "is not over" in found.missing


def test_nothing_is_chosen_where_every_value_lost_a_seed(made_up: MadeUp):
    sweeps = tuned(made_up, {0: (2.0, 2.4), 1: "failed"}, {0: (2.1, 1.0), 1: "failed"})
    assert measure(Tuned(Arm("s", "any")), sweeps).nlls == {}


def test_the_lowest_of_a_stretch_of_a_curve(made_up: MadeUp):
    curve = [(1.0, 6.5), (2.0, 6.4), (3.0, 6.45), (4.0, 6.6)]
    sweeps = {"s": made_up("s", ({}, {0: curve}))}
    arm = Arm("s", "words")
    assert measure(Lowest(arm, to=2), sweeps).nlls == {0: 6.4}
    assert measure(Lowest(arm, after=2), sweeps).nlls == {0: 6.45}
    assert measure(Lowest(arm, after=4), sweeps).missing


def test_an_arm_that_means_several_runs_is_the_users_to_mend(made_up: MadeUp):
    sweeps = of_depths(made_up, {0: 2.0}, {0: 2.1})
    with pytest.raises(InputError, match="are of one seed") as refused:
        measure(Arm("s", "both"), sweeps)
    assert "hint:" in str(refused.value)


def test_runs_without_a_number_are_not_compared(made_up: MadeUp):
    sweeps = of_depths(made_up, {0: 2.0, 1: 2.1, 2: 2.2, 3: float("nan")}, {0: 2.5, 1: 2.6, 2: 2.7, 3: 2.8})
    (found,) = compare_all([Contrast(DEEP, FLAT)], sweeps)
    assert sorted(found.differences) == [0, 1, 2]
    assert [record.seed for record in found.first.records] == [0, 1, 2]


@pytest.mark.parametrize("last", ["waiting", "running", None])
def test_nothing_is_judged_before_every_seed_has_ended(last: str | None, made_up: MadeUp):
    four = {0: 2.5, 1: 2.6, 2: 2.7, 3: 2.8}
    three = {0: 2.0, 1: 2.11, 2: 2.19} | ({3: last} if last else {})
    for deep, flat in ((three, four), (four, three)):
        (found,) = compare_all([Contrast(DEEP, FLAT)], of_depths(made_up, deep, flat))
        assert (found.verdict, found.p) == ("not run", None)
        assert "3 of 4 seeds so far" in found.missing
        assert len(found.differences) == 3, "what there is may be shown"


def test_a_seed_that_failed_has_ended(made_up: MadeUp):
    sweeps = of_depths(made_up, {0: 2.0, 1: 2.11, 2: 2.19, 3: "failed"}, {0: 2.5, 1: 2.6, 2: 2.7, 3: 2.8})
    (found,) = compare_all([Contrast(DEEP, FLAT)], sweeps)
    assert found.verdict == "holds"
    assert (found.first.n_failed, found.second.n_failed) == (1, 0)


def test_a_curve_is_not_judged_before_every_seed_has_ended(made_up: MadeUp):
    curve = [(1.0, 6.5), (2.0, 6.4), (3.0, 6.45)]
    sweeps = {"s": made_up("s", ({}, {0: curve, 1: curve, 2: curve, 3: "running"}))}
    (found,) = compare_all([Contrast(Lowest(Arm("s", "words"), to=2), Lowest(Arm("s", "words"), after=2))], sweeps)
    assert (found.verdict, found.first.score) == ("not run", "val_nll")
    assert "3 of 4 seeds so far" in found.missing


def spending(made_up: MadeUp, deep: int, flat: int) -> dict[str, SweepResults]:
    """Two settings, the deep one better, with what their runs have spent."""
    cells = (({"model.depth": 2}, {0: 2.0, 1: 2.11, 2: 2.19}), ({"model.depth": 1}, {0: 2.5, 1: 2.6, 2: 2.7}))
    return {"s": made_up("s", *cells, matmul={0: deep, 1: flat})}


@pytest.mark.parametrize(
    ("deep", "flat", "verdict"),
    [
        (1_050_000, 1_000_000, "holds"),
        (1_000_000, 1_050_000, "holds"),
        (1_051_000, 1_000_000, "not run"),
        (1_000_000, 1_051_000, "not run"),
    ],
)
def test_sides_that_are_to_spend_the_same_must_have(deep: int, flat: int, verdict: str, made_up: MadeUp):
    sweeps = spending(made_up, deep, flat)
    (equal,), (own,) = (compare_all([Contrast(DEEP, FLAT)], sweeps, account) for account in ("matmul", None))
    assert (equal.verdict, own.verdict) == (verdict, "holds")
    assert ("have not spent the same: 1.05 times" in equal.missing) == (verdict == "not run")


def test_what_is_not_known_to_be_equal_is_not_run(made_up: MadeUp):
    sweeps = spending(made_up, 10, 10)["s"]
    lost = tuple(each.model_copy(update={"train_flops": None}) if each.seed == 1 else each for each in sweeps.records)
    (found,) = compare_all([Contrast(DEEP, FLAT)], {"s": replace(sweeps, records=lost)}, "matmul")
    assert found.verdict == "not run"
    assert "is not known" in found.missing


def test_nothing_is_chosen_while_a_seed_has_no_record(made_up: MadeUp):
    sweeps = tuned(made_up, {0: (2.0, 2.4)}, {0: (2.1, 1.0), 1: (2.1, 1.0)})
    found = measure(Tuned(Arm("s", "any")), sweeps)
    assert found.nlls == {}
    assert "is not over" in found.missing
    assert found.n_asked == 2


@pytest.mark.parametrize(("best", "is_at_edge"), [(0.001, True), (0.003, False), (0.01, True)])
def test_either_end_of_what_was_tried_is_an_edge(best: float, is_at_edge: bool, made_up: MadeUp):
    rates = (0.003, 0.001, 0.01)
    cells = [({RATES: rate}, dict.fromkeys(range(2), 2.0 + 0.1 * (rate != best))) for rate in rates]
    found = measure(Tuned(Arm("s", "any")), {"s": made_up("s", *cells, search={RATES: list(rates)})})
    assert (found.chosen, found.is_at_edge) == ({RATES: best}, is_at_edge)
