"""A process that times the probes on one thread, with the code that really trains, for a while.

Started as `python -m tlm_sweeps.training.timing PRECISION SECONDS NUMBER` by `training.calibration`, several at once.
It says what it found in lines of JSON, a `Sample` or a word each, and begins to time when it is told to by a line.

On a CPU what counts is the time that the process computed, not the time that passed: what other programs take of the
cores is then not taken for slowness. What they slow down by sharing caches and memory is in it.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.rates import Precision
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.allocator import keep_freed_memory
from tlm_sweeps.training.checkpoint import save_model
from tlm_sweeps.training.evaluation import evaluate
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import train
from tlm_sweeps.training.probes import Probe, probes
from tlm_sweeps.training.state import CPU, RunState, start

LEAST_ROUNDS = 2
"""Times that every probe is timed, however little time there is."""
_SHARE_FOR_SCORING = 0.3
_N_TOKENS = 40_000
_SCORED_BATCHES = 2
_FOREVER = 10**9


@dataclass(frozen=True)
class Noise:
    """A text of random tokens; `TokenisedCorpus`."""

    facts: CorpusFacts
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Sample:
    """One probe, timed once."""

    probe: int
    training_seconds: float
    """A step."""
    scoring_seconds: float
    """An evaluation batch."""
    passed: float
    """Seconds that passed while it was timed."""
    computed: float
    """Seconds of them that this process had a core."""


def samples(asked: tuple[Probe, ...], seconds: float, seed: int, device: torch.device = CPU) -> Iterator[Sample]:
    """Time every probe in turn, again and again, in an order of its own, until the time is over."""
    timed = [_Timed(number, probe, device) for number, probe in enumerate(asked)]
    random.Random(seed).shuffle(timed)
    chunk = seconds / (len(timed) * (LEAST_ROUNDS + 1))
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < LEAST_ROUNDS or time.perf_counter() < end:
        for each in timed:
            if rounds < LEAST_ROUNDS or time.perf_counter() < end:
                yield each.sample(chunk)
        rounds += 1


class _Timed:
    """A probe that is ready to be timed."""

    def __init__(self, number: int, probe: Probe, device: torch.device) -> None:
        self._number, self._device = number, device
        corpus = noise(probe.vocabulary_size)
        experiment = probe.experiment
        steps = Steps(experiment.training.batch_size, experiment.training.batch_size * 10_000, _FOREVER)
        self._state = start(TrainingJob(experiment, 0, steps), corpus, device)
        self._events = train(self._state)
        self._batch = experiment.evaluation.batch_size or experiment.training.batch_size
        self._scored = _scoring(experiment, _SCORED_BATCHES * self._batch)
        next(self._events)

    def sample(self, seconds: float) -> Sample:
        """Time it for about so long."""
        passed, computed = time.perf_counter(), time.process_time()
        step = self._each(lambda: next(self._events), seconds * (1 - _SHARE_FOR_SCORING))
        scoring = self._each(self._score, seconds * _SHARE_FOR_SCORING) / _SCORED_BATCHES
        passed, computed = time.perf_counter() - passed, time.process_time() - computed
        return Sample(self._number, step, scoring, passed, computed)

    def _score(self) -> None:
        evaluate(self._state.module, self._state.valid, self._scored)

    def _each(self, call: Callable[[], object], seconds: float) -> float:
        """Mean time of a call, without the first, which finds cold caches."""
        call()
        began, calls, end = self._clock(), 0, time.perf_counter() + seconds
        while calls == 0 or time.perf_counter() < end:
            call()
            calls += 1
        return (self._clock() - began) / calls

    def _clock(self) -> float:
        if self._device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


def noise(vocabulary_size: int) -> Noise:
    """Tokens that mean nothing."""
    draw = np.random.default_rng(0)
    train_, valid, test = (
        draw.integers(0, vocabulary_size, size, dtype=np.int32) for size in (_N_TOKENS, _N_TOKENS, 500)
    )
    facts = CorpusFacts("noise", "char", vocabulary_size, len(train_), len(valid), len(test), "")
    return Noise(facts, train_, valid, test)


def seconds_per_run(probe: Probe) -> float:
    """What a run takes besides steps and evaluations: building the model, and writing it at the end."""
    began = time.perf_counter()
    steps = Steps(probe.experiment.training.batch_size, 100, 1)
    state: RunState = start(TrainingJob(probe.experiment, 0, steps), noise(probe.vocabulary_size))
    with tempfile.TemporaryDirectory() as folder:
        save_model(state, Path(folder))
    return time.perf_counter() - began


def _scoring(experiment: ExperimentSpec, windows: int) -> ExperimentSpec:
    evaluation = experiment.evaluation.model_copy(update={"windows": windows, "stride": 1})
    return experiment.model_copy(update={"evaluation": evaluation})


def _say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def main() -> None:
    """Time until the time is over, or nobody listens any more."""
    precision: Precision = "bf16" if sys.argv[1] == "bf16" else "fp32"
    seconds, number = float(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    keep_freed_memory()
    _say(started=time.process_time())
    asked = probes(precision)
    run_seconds = [seconds_per_run(probe) for probe in asked[:3]]
    found = samples(asked, seconds, number)
    _say(ready=True, seconds_per_run=sorted(run_seconds)[1])
    if not sys.stdin.readline():
        return  # who started us has gone
    for sample in found:
        _say(sample=asdict(sample))


if __name__ == "__main__":
    main()
