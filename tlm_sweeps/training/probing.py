"""How long a step takes in each precision. Only a question: it leaves nothing behind."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import get_args

import torch

from tlm_sweeps.models.layers import Precision
from tlm_sweeps.training.job import Text, TrainingJob
from tlm_sweeps.training.loop import take_step
from tlm_sweeps.training.state import CPU, RunState, start

_STEPS = 3
_MOST_WINDOWS = 16
"""In a batch: enough to tell which is faster, and a quarter of what a usual step costs."""


def seconds_per_step(job: TrainingJob, corpus: Text, device: torch.device = CPU) -> dict[Precision, float]:
    """The median of three steps in each precision, after one that warms up, in seconds.

    The two take turns, so that a neighbour on the machine disturbs both alike. Batches are cut to 16 windows.
    """
    states = {precision: start(_in(job, precision), corpus, device) for precision in get_args(Precision)}
    for state in states.values():
        _timed_step(state)
    rounds = [{precision: _timed_step(state) for precision, state in states.items()} for _ in range(_STEPS)]
    return {precision: median(each[precision] for each in rounds) for precision in states}


def _timed_step(state: RunState) -> float:
    began = time.perf_counter()
    take_step(state)
    if state.device.type == "cuda":
        torch.cuda.synchronize(state.device)
    return time.perf_counter() - began


def _in(job: TrainingJob, precision: Precision) -> TrainingJob:
    batch_size = min(job.steps.batch_size, _MOST_WINDOWS)
    training = job.experiment.training.model_copy(update={"precision": precision, "batch_size": batch_size})
    experiment = job.experiment.model_copy(update={"training": training})
    return replace(job, experiment=experiment, steps=replace(job.steps, batch_size=batch_size))
