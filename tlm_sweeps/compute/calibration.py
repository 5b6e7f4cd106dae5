"""From what a machine was seen to take to what it will take: the prices that fit the timed batches best.

Only arithmetic on timings; `training.calibration` takes and keeps them. See docs/decisions/0009-prediction.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from pydantic import BaseModel, ConfigDict

from tlm_sweeps.compute.goals import goal_of
from tlm_sweeps.compute.rates import TYPICAL, Machine, Precision, Rates, seconds_for
from tlm_sweeps.compute.work import Work, work_of_batch
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec

_PRIOR_WEIGHT = 0.02
"""How much a price's departure from the typical one weighs against the misfit of one timing: it decides only what the
timings leave open."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Origin(_Data):
    """What a calibration holds for, and nothing else."""

    processor: str
    cores: int
    torch: str
    threads: int
    device: str
    precision: Precision


class Timing(_Data):
    """Batches of one experiment, timed."""

    experiment: ExperimentSpec
    vocabulary_size: int
    training_seconds: float
    """An optimizer step."""
    scoring_seconds: float
    """A whole evaluation batch."""


class Calibration(_Data):
    """What was timed on a machine, while as many processes at once were timing the same."""

    origin: Origin
    code: str
    """A hash over the code that trained."""
    made_at: str
    """UTC, ISO 8601."""
    workers: int
    """Processes that were timing at once, a thread each."""
    timings: tuple[Timing, ...]
    seconds_to_start: float
    """What such a process computed until it could train: its imports."""
    seconds_per_run: float
    """Beginning a run and writing its weights."""
    others_share: float
    """Share of the time in which the cores were at somebody else's work; the timings are without it."""


def machine_of(calibrations: Sequence[Calibration]) -> Machine:
    """The machine that was measured, in as many precisions as there are calibrations; at least one."""
    return Machine(
        rates={each.origin.precision: fitted(each) for each in calibrations},
        seconds_per_run=fmean(each.seconds_per_run for each in calibrations) + _SECONDS_OF_RECORDS,
        seconds_to_start=fmean(each.seconds_to_start for each in calibrations),
    )


_SECONDS_OF_RECORDS = 0.05
"""Of a run, at the coordinator: proposing, leasing, settling, each committed to disk. Of a quick start's runs."""


def fitted(calibration: Calibration) -> Rates:
    """The prices, none below 0, whose sums miss the timings least.

    Least squares of relative errors, so that a batch of a millisecond counts as much as one of a second, drawn a little
    to the typical prices times one factor.
    """
    typical = TYPICAL[calibration.origin.precision]
    step = [(step_work(each), each.training_seconds) for each in calibration.timings]
    batch = [(scoring_work(each), each.scoring_seconds) for each in calibration.timings]
    return Rates(_prices(step, typical.training), _prices(batch, typical.scoring))


def step_work(timing: Timing) -> Work:
    """What the timed step asks."""
    experiment = timing.experiment
    training = experiment.training
    return work_of_batch(
        experiment.model,
        timing.vocabulary_size,
        goal_of(experiment, None),
        training.batch_size,
        clipped=training.clip is not None,
    )


def scoring_work(timing: Timing) -> Work:
    """What the timed evaluation batch asks."""
    experiment = timing.experiment
    evaluation, training = experiment.evaluation, experiment.training
    return work_of_batch(
        experiment.model,
        timing.vocabulary_size,
        goal_of(experiment, None, evaluation.score),
        evaluation.batch_size or training.batch_size,
        clipped=False,
    )


def precisions_of(spec: SweepSpec) -> tuple[Precision, ...]:
    """The precisions in which a sweep may train: both when it is `auto`, or searched."""
    asked = {spec.experiment.training.precision}
    asked |= {settings.get("training.precision") for settings in spec.baselines.values()}
    is_both = "auto" in asked or len(asked - {None}) > 1 or "training.precision" in spec.search
    return ("fp32", "bf16") if is_both else ("bf16",) if "bf16" in asked else ("fp32",)


def _prices(timed: Sequence[tuple[Work, float]], typical: Work) -> Work:
    import numpy as np
    from scipy.optimize import nnls

    amounts, seconds = np.array([work for work, _ in timed]), np.array([each for _, each in timed])
    expected, pace = np.array(typical), median(took / seconds_for(work, typical) for work, took in timed)
    # In units of the typical price times the pace, all prices would be 1 on a machine that is only faster or slower.
    shares = amounts * (expected * pace) / seconds[:, None]
    priced = expected > 0
    matrix = np.vstack([shares[:, priced], _PRIOR_WEIGHT * np.eye(int(priced.sum()))])
    wanted = np.concatenate([np.ones(len(seconds)), np.full(int(priced.sum()), _PRIOR_WEIGHT)])
    found = np.zeros(len(expected))
    found[priced], _ = nnls(matrix, wanted)
    return Work(*(found * expected * pace).tolist())
