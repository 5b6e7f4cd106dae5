"""Predicted against measured time of a sweep: `plan --calibrate`, then the same sweep, command to exit.

A round times the machine anew, so that a prediction is as old as its sweep. The default is the quick start at half its
budget and with half its trials. `as if alone` compares with the time that the sweep computed instead of the time that
passed: neighbours on the machine lengthen the latter and hardly the former. Errors of trials are taken alike.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import tlm_sweeps as tlm
from benchmarks import measuring
from benchmarks.measuring import Measures
from tlm_sweeps.compute.calibration import machine_of, precisions_of
from tlm_sweeps.compute.forecast import SECONDS_OF_COMMAND
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.training.calibration import kept

_SPEC = Path(__file__).parents[1] / "sweeps" / "quickstart.yaml"
_SCALED = ("budget.flops=1e11", "engine.trials=6")
_COMMAND = [sys.executable, "-c", "import sys; from tlm_sweeps.cli.app import main; sys.exit(main())"]


def main() -> None:
    """Measure, write, show."""
    parser = measuring.parser(__doc__ or "", rounds=3)
    parser.add_argument("--spec", type=Path, default=_SPEC, help="the sweep (default: the quick start)")
    parser.add_argument(
        "--set", action="append", dest="sets", metavar="NAME=VALUE", help=f"default: {' '.join(_SCALED)}"
    )
    parser.add_argument("--workers", type=int, default=cores(), help="default: every core")
    arguments = parser.parse_args()
    sets = arguments.sets or (list(_SCALED) if arguments.spec == _SPEC else [])
    result = measuring.setting() | {"spec": arguments.spec.name, "set": sets, "workers": arguments.workers}
    trials: list[list[dict[str, Any]]] = []

    def compare() -> Measures:
        measures, its_trials = one_round(arguments.spec, sets, arguments.workers)
        trials.append(its_trials)
        return measures

    measured = measuring.interleaved({arguments.spec.stem: compare}, arguments.rounds)
    measuring.write("prediction", result | measuring.summary(measured) | {"trials": trials}, arguments.json)
    rounds = measured.rounds.get(arguments.spec.stem, [])
    heads = [
        "predicted ÷ measured",
        "whole sweep",
        "as if alone",
        "median error a trial",
        "worst",
        "cores busy elsewhere",
    ]
    names = ("sweep_ratio", "alone_ratio", "median_trial_error", "worst_trial_error", "busy_elsewhere_cores")
    rows = [
        [f"round {number}", *(f"{each.get(name, 0.0):.2f}" for name in names)]
        for number, each in enumerate(rounds, start=1)
    ]
    measuring.show(f"{arguments.spec.name} {' '.join(sets)}, {arguments.workers} workers", heads, rows)


def one_round(spec: Path, sets: Sequence[str], workers: int) -> tuple[Measures, list[dict[str, Any]]]:
    """Calibrate, predict, train; how the whole and every trial compare."""
    options = [str(spec), "--workers", str(workers), *(word for each in sets for word in ("--set", each))]
    plan = json.loads(_run("plan", *options, "--calibrate", "--json"))
    with tempfile.TemporaryDirectory() as runs:
        before, began = _computed_by_children(), time.perf_counter()
        _run("sweep", *options, "--runs-dir", runs)
        passed, computed = time.perf_counter() - began, _computed_by_children() - before
        trials = compared(spec, sets, runs)
    machine = machine_of(kept(precisions_of(tlm.load(spec, sets))).calibrations)
    once = machine.seconds_to_start + SECONDS_OF_COMMAND
    predicted = once + sum(each["predicted_seconds"] + machine.seconds_per_run for each in trials)
    # The share of the passed time in which our runs had a core: without neighbours it is about 1.
    had = (computed - once) / sum(each["wall_seconds"] for each in trials)
    errors = [abs(each["ratio"] / had - 1) for each in trials]
    measures = {
        "predicted_seconds": plan["forecast"]["seconds"],
        "predicted_low_seconds": plan["forecast"]["seconds_low"],
        "predicted_high_seconds": plan["forecast"]["seconds_high"],
        "wall_seconds": passed,
        "computed_seconds": computed,
        "sweep_ratio": plan["forecast"]["seconds"] / passed,
        # Of the settings that were really tried, so that this one knows no luck of the draw.
        "alone_ratio": predicted / computed,
        "median_trial_error": median(errors),
        "worst_trial_error": max(errors),
        "share_of_a_core": had,
        "calibration_others_share": max(each["others_share"] for each in plan["calibrations"]),
    }
    return measures, trials


def compared(spec: Path, sets: Sequence[str], runs: str) -> list[dict[str, Any]]:
    """Every run's prediction beside its training and evaluation time."""
    asked = tlm.load(spec, sets)
    per_run = machine_of(kept(precisions_of(asked)).calibrations).seconds_per_run
    planned = {_key(each.settings, each.baseline): each.cost for each in tlm.plan(asked).feasible}
    found = []
    for record in tlm.results(asked.name, runs).records:
        cost = planned.get(_key(record.settings, record.baseline))
        if cost is None or record.wall_seconds is None:
            continue  # drawn from an infinite space, or not finished
        predicted = cost.predicted_seconds - per_run
        found.append(
            {
                "setting": record.baseline or record.settings,
                "predicted_seconds": predicted,
                "wall_seconds": record.wall_seconds,
                "ratio": predicted / record.wall_seconds,
            }
        )
    return found


def _key(settings: dict[str, Any], baseline: str | None) -> str:
    return json.dumps([settings, baseline], sort_keys=True)


def _run(*words: str) -> str:
    """What a command of ours prints."""
    done = subprocess.run([*_COMMAND, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise measuring.LeftOut(done.stderr.strip())
    return done.stdout


def _computed_by_children() -> float:
    """Processor seconds of the processes that were started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
