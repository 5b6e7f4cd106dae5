"""What each lever is worth by itself, at the reference shape, on one thread unless its name says otherwise.

optimizer (plain, foreach, fused, ours), batches (nanoGPT's, DataLoader, index gather, ours), attention (SDPA, baddbmm,
ours; both precisions), dropout (torch's, ours), study (a step of the study's transformer, whose attention drops out:
torch's parts, ours), precision (a whole step, also under autocast), allocator (what is freed is kept or returned;
with --preload another one), threads (two runs: one after the other on two threads, or both at once on one each), and
the floor: what a step's arithmetic takes at the rate of a large product.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks import measuring, reference, sides
from benchmarks.launching import end_cleanly_when_told, follow, run_all
from benchmarks.measuring import Measures
from benchmarks.reference import Text

Ways = dict[str, Callable[[], Measures]]
Lever = Literal["allocator", "threads", "optimizer", "batches", "attention", "dropout", "study", "precision", "floor"]
_COLUMNS = {
    "ms": ("ms", 1.0, 3),
    "step_ms": ("ms a step", 1.0, 0),
    "wall_seconds": ("seconds", 1.0, 1),
    "peak_bytes": ("peak memory, MB", 1e-6, 0),
}


def main() -> None:
    """Measure, write, show."""
    end_cleanly_when_told()
    parser = measuring.parser(__doc__ or "", rounds=5)
    sides.add_text_option(parser)
    every: tuple[Lever, ...] = get_args(Lever)
    parser.add_argument("--levers", nargs="+", choices=every, default=every)
    parser.add_argument("--steps", type=int, default=20, help="of a run, where a lever takes whole runs")
    parser.add_argument("--preload", nargs="+", type=Path, default=(), metavar="LIB", help="allocators: libtcmalloc.so")
    arguments = parser.parse_args()
    result = measuring.setting()
    with tempfile.TemporaryDirectory() as folder:
        text = reference.prepare_text(arguments.data_dir, Path(folder))
        # Processes first: a process is charged with the memory of the one that starts it, and torch is large.
        for lever in sorted(arguments.levers, key=every.index):
            for title, ways in groups(lever, text, arguments).items():
                result[title] = measure(title, ways, arguments.rounds)
    measuring.write("levers", result, arguments.json)


def groups(lever: Lever, text: Text, arguments: argparse.Namespace) -> dict[str, Ways]:
    """The ways to do one lever's work, in groups that are compared with their first."""
    precisions = [each for each in reference.precisions() if each != "auto"]
    match lever:
        case "allocator":
            return {f"allocator, {each}": _allocators(text, each, arguments) for each in precisions}
        case "threads":
            return {f"threads, {each}": _threads(text, each, arguments.steps) for each in precisions}
        case _:
            from benchmarks import lever_loops  # which loads torch

            return {lever: lever_loops.ways_of(lever, text)}


def measure(title: str, ways: Ways, rounds: int) -> dict[str, Any]:
    """Measure one group and draw its table: the first way's time ÷ each other's."""
    measured = measuring.interleaved(ways, rounds)
    first, rows = next(iter(measured.rounds), None), []
    shown = [name for name in _COLUMNS if any(name in each for side in measured.rounds.values() for each in side)]
    judged = shown[0] if shown else "ms"
    for side in measured.rounds:
        cells = [measuring.written_spread(measured.values(side, name), *_COLUMNS[name][1:]) for name in shown]
        gain = [measuring.written_spread(measured.ratios(first, side, judged), digits=2)] if first else []
        rows.append([side, *cells, *gain])
    measuring.show(title, ["", *(_COLUMNS[name][0] for name in shown), "first ÷ this"], rows)
    return measuring.summary(measured)


def _allocators(text: Text, precision: str, arguments: argparse.Namespace) -> Ways:
    """A run with freed memory returned to the system, as glibc does by itself, and kept, as our workers do."""
    kept = sides.ours(text, arguments.steps, 1, precision)
    returned = sides.ours(text, arguments.steps, 1, precision, "--return-freed-memory")
    programs = {"glibc by itself": returned, "glibc told to keep": kept}
    for library in arguments.preload:
        programs[library.name] = replace(returned, environment={"LD_PRELOAD": str(library.absolute())})
    return {name: lambda program=program: follow(program, arguments.steps) for name, program in programs.items()}


def _threads(text: Text, precision: str, steps: int) -> Ways:
    """Two runs, launch to exit, on two cores."""
    wide = [sides.ours(text, steps, 2, precision)] * 2
    narrow = [sides.ours(text, steps, 1, precision)] * 2
    return {
        "one after the other, two threads": lambda: run_all(wide, 1),
        "both at once, one thread each": lambda: run_all(narrow, 2),
    }


if __name__ == "__main__":
    main()
