"""Prices that were planted are found again, from the probes that a machine is really timed on."""

import random

import pytest

from tlm_sweeps.compute.calibration import Calibration, Origin, Timing, fitted, machine_of, precisions_of
from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.footprint import predicted_seconds
from tlm_sweeps.compute.goals import goal_of
from tlm_sweeps.compute.matching import Matched, match_budget
from tlm_sweeps.compute.rates import TYPICAL, Precision, Rates, seconds_for
from tlm_sweeps.compute.work import Work, work_of_batch
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.training.probes import probes

FACTS = CorpusFacts("text", "char", 80, 100_000, 5_000, 5_000, "abc")
UNSEEN = [
    {"kind": "linear", "width": 50, "context": 32},
    {"kind": "mlp", "width": 30, "context": 20, "hidden": 200},
    {"kind": "attention", "width": 60, "context": 48, "heads": 2},
    {"kind": "transformer", "width": 96, "context": 96, "depth": 5, "heads": 6},
]


def experiment(model: dict[str, object], precision: str = "fp32") -> ExperimentSpec:
    predict = "last" if model["kind"] in ("linear", "mlp") else "all"
    training = {"batch_size": 24, "predict": predict, "epochs": 1.0, "precision": precision}
    return ExperimentSpec.model_validate({"corpus": {"name": "python-docs"}, "model": model, "training": training})


def matched(asked: ExperimentSpec) -> Matched:
    found = match_budget(asked, FACTS, None, None)
    assert isinstance(found, Matched)
    return found


def calibration(truth: Rates, precision: Precision = "fp32", noise: float = 0.0) -> Calibration:
    """What would be timed on a machine with these prices."""
    draw = random.Random(0)
    timings = []
    for probe in probes(precision):
        asked, v = probe.experiment, probe.vocabulary_size
        training, evaluation = asked.training, asked.evaluation
        size, score = evaluation.batch_size or 0, goal_of(asked, None, evaluation.score)
        step = work_of_batch(
            asked.model, v, goal_of(asked, None), training.batch_size, clipped=training.clip is not None
        )
        batch = work_of_batch(asked.model, v, score, size, clipped=False)
        timings.append(
            Timing(
                experiment=asked,
                vocabulary_size=v,
                training_seconds=seconds_for(step, truth.training) * draw.uniform(1 - noise, 1 + noise),
                scoring_seconds=seconds_for(batch, truth.scoring) * draw.uniform(1 - noise, 1 + noise),
            )
        )
    origin = Origin(processor="p", cores=2, torch="2", threads=1, device="cpu", precision=precision)
    return Calibration(
        origin=origin,
        code="c",
        made_at="2026-01-01T00:00:00+00:00",
        workers=2,
        timings=tuple(timings),
        seconds_to_start=1.0,
        seconds_per_run=0.0,
        others_share=0.0,
    )


def scaled(rates: Rates, factors: Work) -> Rates:
    def priced(prices: Work) -> Work:
        return Work(*(price * factor for price, factor in zip(prices, factors, strict=True)))

    return Rates(priced(rates.training), priced(rates.scoring))


def planted(seed: int) -> Rates:
    """A machine whose prices differ from the typical ones by up to three times, each by itself."""
    draw = random.Random(seed)
    return scaled(TYPICAL["fp32"], Work(*(3 ** draw.uniform(-1, 1) for _ in Work())))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 0.1), (0.1, 0.15)])
def test_unseen_models_are_predicted_on_a_machine_unlike_the_typical_one(seed: int, noise: float, tolerance: float):
    truth, found = planted(seed), fitted(calibration(planted(seed), noise=noise))
    for model in UNSEEN:
        asked = experiment(model)
        work = work_of_batch(asked.model, 80, goal_of(asked, None), 24, clipped=False)
        for name in ("training", "scoring"):
            wanted = seconds_for(work, getattr(truth, name))
            assert seconds_for(work, getattr(found, name)) == pytest.approx(wanted, rel=tolerance)


def test_a_machine_that_is_only_slower_is_the_typical_one_times_a_factor():
    slow = scaled(TYPICAL["bf16"], Work(*(4.0 for _ in Work())))
    found = fitted(calibration(slow, "bf16"))
    assert found.training == pytest.approx(slow.training, rel=1e-3, abs=1e-15)


def test_no_price_is_below_nothing():
    found = fitted(calibration(planted(7), noise=0.9))
    assert min(found.training + found.scoring) >= 0


@pytest.mark.parametrize("faster", ["fp32", "bf16"])
def test_auto_takes_the_faster_precision(faster: Precision):
    slow = scaled(TYPICAL["fp32"], Work(*(2.0 for _ in Work())))
    truth: dict[Precision, Rates] = {"fp32": slow, "bf16": slow, faster: TYPICAL["fp32"]}
    machine = machine_of([calibration(rates, precision) for precision, rates in truth.items()])
    seconds = {
        precision: predicted_seconds(FACTS, matched(experiment(UNSEEN[3], precision)), machine)
        for precision in ("fp32", "bf16", "auto")
    }
    assert seconds["auto"] == seconds[faster] == min(seconds.values()) < max(seconds.values())


@pytest.mark.parametrize(
    ("training", "search", "baselines", "wanted"),
    [
        ({}, {}, {}, ("fp32",)),
        ({"precision": "bf16"}, {}, {}, ("bf16",)),
        ({"precision": "auto"}, {}, {}, ("fp32", "bf16")),
        ({}, {"training.precision": ["fp32", "bf16"]}, {}, ("fp32", "bf16")),
        ({}, {}, {"low": {"training.precision": "bf16"}}, ("fp32", "bf16")),
    ],
)
def test_a_sweep_is_calibrated_in_the_precisions_it_may_train_in(
    training: dict[str, object], search: dict[str, object], baselines: dict[str, object], wanted: tuple[str, ...]
):
    asked = {
        "name": "s",
        "experiment": {"corpus": {"name": "python-docs"}, "model": UNSEEN[0], "training": training},
        "search": search,
        "baselines": baselines,
    }
    assert precisions_of(SweepSpec.model_validate(asked)) == wanted
