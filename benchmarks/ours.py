"""One run of ours in a fresh process, which tells every step: what `benchmarks.one_run` follows.

It does what a worker does for an order (open the corpus, start, train, score), without the sweep around it, and then
the first steps of a second run, which begins as a trial in a warm worker does.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import torch

from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training import allocator
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import Progress, finish, train
from tlm_sweeps.training.state import start

_STEPS_AGAIN = 2


def main() -> None:
    """Train once and tell the steps; begin a second time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="an ExperimentSpec as JSON")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--return-freed-memory", action="store_true", help="leave the allocator as it is")
    arguments = parser.parse_args()
    if not arguments.return_freed_memory:
        allocator.keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    experiment = ExperimentSpec.model_validate(json.loads(arguments.experiment), strict=False)
    corpus = open_corpus(experiment.corpus, arguments.data_dir)
    steps = Steps(experiment.training.batch_size, experiment.training.batch_size * arguments.steps, arguments.steps)
    state = start(TrainingJob(experiment=experiment, seed=0, steps=steps), corpus)
    for event in train(state):
        if isinstance(event, Progress):
            print(f"step {event.step - 1}")
    finish(state)
    print("again")
    second = train(start(TrainingJob(experiment=experiment, seed=1, steps=steps), corpus))
    for event in islice(second, _STEPS_AGAIN):
        if isinstance(event, Progress):
            print(f"step {event.step - 1}")


if __name__ == "__main__":
    main()
