"""One run of the reference work: milliseconds a step, start to first step and peak memory, ours against others.

Every side is a fresh process, with 1 thread and with 2. nanoGPT, Hugging Face's Trainer and a plain torch loop.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import measuring, reference, sides
from benchmarks.launching import end_cleanly_when_told, follow
from benchmarks.measuring import Measured, Measures
from benchmarks.reference import Text
from benchmarks.sides import Rivals

_MEASURES = {
    "step_ms": ("ms a step", 1, 0),
    "first_step_seconds": ("start to first step, s", 1, 2),
    "first_step_again_seconds": ("in a warm worker, s", 1, 2),
    "peak_bytes": ("peak memory, MB", 1e-6, 0),
    "busy_elsewhere_cores": ("cores busy elsewhere", 1, 1),
}
"""Column of each measure: its head, the scale it is shown in, its digits."""
_PRECISIONS = tuple(each for each in reference.precisions() if each != "auto")
"""auto is one of the others, once a sweep has tried them."""


def main() -> None:
    """Measure, write, show."""
    end_cleanly_when_told()
    parser = measuring.parser(__doc__ or "", rounds=3)
    sides.add_options(parser)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precisions", nargs="+", choices=_PRECISIONS, default=_PRECISIONS)
    arguments = parser.parse_args()
    rivals, setting = Rivals.of(arguments), measuring.setting()
    with tempfile.TemporaryDirectory() as folder:
        text = reference.prepare_text(arguments.data_dir, Path(folder))
        every = {}
        for threads in arguments.threads:
            every |= programs(rivals, text, arguments.steps, threads, arguments.precisions, Path(folder))
        wanted = {name: side for name, side in every.items() if sides.is_wanted(name, arguments.only)}
        measured = measuring.interleaved(wanted, arguments.rounds)
    flops = reference.flops_per_step(text.vocabulary_size)
    work = {"corpus": text.corpus, "steps": arguments.steps, "flops_per_step": flops}
    versions = {"rivals": rivals.versions()}
    measuring.write("one_run", setting | versions | {"work": work} | measuring.summary(measured), arguments.json)
    show(measured, flops)


def programs(
    rivals: Rivals, text: Text, steps: int, threads: int, precisions: list[str], scratch: Path
) -> dict[str, Callable[[], Measures]]:
    """Every side with some threads, by name."""
    rates = reference.LEARNING_RATES[:1]
    suffix = f", {threads} thread{'s' * (threads != 1)}"
    found = {
        f"ours {precision}{suffix}": partial(sides.ours, text, steps, threads, precision) for precision in precisions
    }
    found |= {
        f"nanoGPT{suffix}": partial(sides.nanogpt, rivals, text, steps, threads, scratch, rates[0]),
        f"HF Trainer{suffix}": partial(sides.hf_trainer, rivals, text, steps, threads, rates, scratch),
        f"HF Trainer bf16{suffix}": partial(sides.hf_trainer, rivals, text, steps, threads, rates, scratch, "--bf16"),
        f"plain loop{suffix}": partial(sides.plain, text, steps, threads, rates),
    }
    return {name: lambda program=program: follow(program(), steps) for name, program in found.items()}


def show(measured: Measured, flops: int) -> None:
    """Draw the table: medians, with quartiles in brackets, and the rate that the steps amount to."""
    rows = []
    for side in measured.rounds:
        cells = [side]
        for measure, (_, scale, digits) in _MEASURES.items():
            values = measured.values(side, measure)
            cells.append(measuring.written_spread(values, scale, digits) if values else "")
        rate = flops / measuring.spread(measured.values(side, "step_ms")).median / 1e6
        rows.append([*cells, f"{rate:,.0f}"])
    heads = ["", *(head for head, _, _ in _MEASURES.values()), "GFLOP/s"]
    measuring.show("One run of the reference work: median (quartiles)", heads, rows)
    for side, reason in measured.left_out.items():
        measuring.say(f"left out: {side}: {reason}")


if __name__ == "__main__":
    main()
