"""Two and eight trials of the reference work, launch to exit: `tlm-sweeps sweep` against what a researcher would use.

The trials differ in their learning rate. nanoGPT's `train.py` and Hugging Face's Trainer, one after the other with the
threads that they take by themselves, and as many at once as there are cores, with those threads or with one each; HF's
Optuna backend; Ray Tune with OptunaSearch over a plain torch loop; that loop by itself.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measuring, reference, sides
from benchmarks.launching import Program, end_cleanly_when_told, run_all
from benchmarks.measuring import Measured, Measures
from benchmarks.reference import Text
from benchmarks.sides import Rivals
from tlm_sweeps.compute.machine import cores

_OURS = "ours"


def main() -> None:
    """Measure, write, show."""
    end_cleanly_when_told()
    parser = measuring.parser(__doc__ or "", rounds=3)
    sides.add_options(parser)
    known = reference.precisions()
    parser.add_argument("--trials", type=int, nargs="+", default=[2, 8], choices=range(1, 9), metavar="N")
    parser.add_argument("--at-once", type=int, default=min(2, cores()), help="runs at a time (default %(default)s)")
    parser.add_argument("--precisions", nargs="+", choices=known, default=known)
    arguments = parser.parse_args()
    rivals, result = Rivals.of(arguments), measuring.setting()
    result["rivals"] = rivals.versions()
    with tempfile.TemporaryDirectory() as folder:
        text = reference.prepare_text(arguments.data_dir, Path(folder))
        flops = reference.flops_per_step(text.vocabulary_size)
        result["work"] = {"corpus": text.corpus, "steps": arguments.steps, "flops_per_step": flops}
        for trials in arguments.trials:
            every = programs(rivals, text, trials, arguments)
            wanted = {name: side for name, side in every.items() if sides.is_wanted(name, arguments.only)}
            measured = measuring.interleaved(wanted, arguments.rounds)
            result[f"{trials} trials"] = measuring.summary(measured) | {"ratios": ratios(measured)}
            show(trials, measured)
    measuring.write("two_and_eight", result, arguments.json)


def programs(
    rivals: Rivals, text: Text, trials: int, arguments: argparse.Namespace
) -> dict[str, Callable[[], Measures]]:
    """Every side, by name, as a measurement that starts with an empty folder."""
    rates, steps, many = reference.LEARNING_RATES[:trials], arguments.steps, arguments.at_once

    def nanogpt(scratch: Path, threads: int | None) -> list[Program]:
        return [sides.nanogpt(rivals, text, steps, threads, scratch, rate) for rate in rates]

    def hf_trainer(scratch: Path, threads: int | None) -> list[Program]:
        return [sides.hf_trainer(rivals, text, steps, threads, (rate,), scratch) for rate in rates]

    def plain(_scratch: Path, threads: int | None) -> list[Program]:
        return [sides.plain(text, steps, threads, (rate,)) for rate in rates]

    def ours(precision: str, scratch: Path) -> list[Program]:
        return [sides.our_sweep(text, trials, steps, precision, scratch, workers=many)]

    def hf_optuna(scratch: Path) -> list[Program]:
        return [sides.hf_trainer(rivals, text, steps, None, rates, scratch, "--search")]

    def ray(scratch: Path) -> list[Program]:
        return [sides.ray_tune(rivals, text, steps, rates, many, scratch)]

    def side(made: Callable[[Path], list[Program]], at_once: int) -> Callable[[], Measures]:
        return lambda: _in_an_empty_folder(made, at_once)

    found = {f"{_OURS} {precision}": side(partial(ours, precision), 1) for precision in arguments.precisions}
    for name, made in {"nanoGPT": nanogpt, "HF Trainer": hf_trainer}.items():
        found[f"{name}, one after the other"] = side(partial(made, threads=None), 1)
        found[f"{name}, {many} at once, default threads"] = side(partial(made, threads=None), many)
        found[f"{name}, {many} at once, one thread each"] = side(partial(made, threads=1), many)
    return found | {
        f"plain loop, {many} at once, one thread each": side(partial(plain, threads=1), many),
        "HF Trainer, its Optuna backend": side(hf_optuna, 1),
        f"Ray Tune, OptunaSearch, {many} at once": side(ray, 1),
    }


def ratios(measured: Measured) -> dict[str, dict[str, Any]]:
    """By precision of ours and rival: their time ÷ ours, round by round, with median and quartiles."""
    mine = [side for side in measured.rounds if side.startswith(_OURS)]
    rivals = [side for side in measured.rounds if not side.startswith(_OURS)]
    found: dict[str, dict[str, Any]] = {}
    for our in mine:
        by_rival = {rival: measured.ratios(rival, our, "wall_seconds") for rival in rivals}
        found[our] = {rival: asdict(measuring.spread(each)) | {"values": each} for rival, each in by_rival.items()}
    return found


def show(trials: int, measured: Measured) -> None:
    """Draw the table: seconds, their time ÷ ours, memory of the largest process."""
    mine = [side for side in measured.rounds if side.startswith(_OURS)]
    rows = []
    for side in measured.rounds:
        cells = [side, measuring.written_spread(measured.values(side, "wall_seconds"), digits=1)]
        is_rival = side not in mine
        cells += [
            measuring.written_spread(measured.ratios(side, our, "wall_seconds"), digits=2) if is_rival else ""
            for our in mine
        ]
        cells.append(measuring.written_spread(measured.values(side, "peak_bytes"), 1e-6))
        rows.append([*cells, measuring.written_spread(measured.values(side, "busy_elsewhere_cores"), digits=1)])
    heads = ["", "seconds", *(f"÷ {our}" for our in mine), "largest process, MB", "cores busy elsewhere"]
    measuring.show(f"{trials} trials, launch to exit: median (quartiles)", heads, rows)
    for side, reason in measured.left_out.items():
        measuring.say(f"left out: {side}: {reason}")


def _in_an_empty_folder(made: Callable[[Path], list[Program]], at_once: int) -> Measures:
    with tempfile.TemporaryDirectory() as scratch:
        return run_all(made(Path(scratch)), at_once)


if __name__ == "__main__":
    main()
