"""The reference work on a GPU: milliseconds a step and run, in each precision, taken one by one, recorded, stacked.

The floor is the step's matrix products at the speed of one large product on the same device. Without a CUDA device the
benchmark says so and leaves with exit code 0.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import measuring, reference, sides
from benchmarks.measuring import Measures
from benchmarks.reference import Text
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import take_step
from tlm_sweeps.training.replicas import Replicas
from tlm_sweeps.training.state import RunState, start


def main() -> None:
    """Measure, write, show."""
    parser = measuring.parser(__doc__ or "", rounds=5)
    sides.add_text_option(parser)
    parser.add_argument("--steps", type=int, default=100, help="of a measurement (default %(default)s)")
    parser.add_argument("--stacks", type=int, nargs="*", default=[4, 16, 64], help="runs in a stack (default 4 16 64)")
    arguments = parser.parse_args()
    result = measuring.setting()
    if not torch.cuda.is_available():
        measuring.say("no CUDA device")
        measuring.write("gpu", result | {"device": None, "note": "no CUDA device"}, arguments.json)
        return
    device = torch.device("cuda")
    with tempfile.TemporaryDirectory() as folder:
        text = reference.prepare_text(arguments.data_dir, Path(folder))
        ways: dict[str, Callable[[], Measures]] = {}
        for each in ("fp32", "bf16"):
            ways[f"one by one, {each}"] = eager(text, each, arguments.steps, device)
            for runs in (1, *arguments.stacks):
                ways[f"recorded, {runs} stacked, {each}"] = recorded(text, each, arguments.steps, device, runs)
        measured = measuring.interleaved(ways, arguments.rounds)
    flops = reference.flops_per_step(text.vocabulary_size)
    floors = {each: flops / products_per_second(each, device) * 1000 for each in ("fp32", "bf16")}
    result |= {
        "device": torch.cuda.get_device_name(device),
        "floor_ms": floors,
        "work": {"corpus": text.corpus, "flops_per_step": flops},
    }
    measuring.write("gpu", result | measuring.summary(measured), arguments.json)
    rows = []
    for side in measured.rounds:
        steps = measured.values(side, "step_ms")
        floor = floors["bf16" if side.endswith("bf16") else "fp32"]
        rows.append([side, measuring.written_spread(steps, digits=3), f"{floor / min(steps):.0%}"])
    measuring.show("On the GPU: median (quartiles)", ["", "ms a step and run", "of the floor, at best"], rows)


def eager(text: Text, precision: str, steps: int, device: torch.device) -> Callable[[], Measures]:
    """Steps one by one, each operation launched by itself."""
    state = started(text, precision, device, 0)
    return timed(lambda: take_step(state), steps, device)


def recorded(text: Text, precision: str, steps: int, device: torch.device, runs: int) -> Callable[[], Measures]:
    """Whole steps of so many runs at once, recorded and replayed."""
    replicas = Replicas([started(text, precision, device, seed) for seed in range(runs)])
    return timed(replicas.take_step, steps, device, runs)


def started(text: Text, precision: str, device: torch.device, seed: int) -> RunState:
    """A run that will not come to its end here."""
    experiment = ExperimentSpec.model_validate(reference.experiment(text, 10**6, precision))
    course = Steps(reference.BATCH, reference.BATCH * 10**6, 10**6)
    corpus = open_corpus(experiment.corpus, text.data_dir)
    return start(TrainingJob(experiment=experiment, seed=seed, steps=course), corpus, device)


def timed(step: Callable[[], None], steps: int, device: torch.device, runs: int = 1) -> Callable[[], Measures]:
    """Milliseconds of a step, by run; ten steps warm up."""
    for _ in range(10):
        step()

    def go() -> Measures:
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize(device)
        return {"step_ms": (time.perf_counter() - began) / steps / runs * 1000}

    return go


def products_per_second(precision: str, device: torch.device, size: int = 8192) -> float:
    """FLOP/s of one large matrix product."""
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)

    def multiply() -> None:
        torch.mm(matrix, matrix)

    took = min(timed(multiply, 5, device)()["step_ms"] for _ in range(3))
    return 2 * size**3 / (took / 1000)


if __name__ == "__main__":
    main()
