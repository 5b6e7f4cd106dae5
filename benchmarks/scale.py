"""What the machinery costs after 10, 100, 1,000 and 10,000 finished trials. Nothing is trained.

samplers: one ask and tell of each sampler, as we use it and as plain Optuna does on its own storages; trials: what the
ledger and the proposer do for a trial with 20 evaluations, step by step; rebuild: taking a sweep up again; commands:
`status`, `list`, `export`, `report`, each a process of its own; plan: 20,000 cells. CPU time is what to compare, since
commits wait for the disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measuring, pretended
from benchmarks.measuring import Measured, Measures
from benchmarks.pretended import Sweep
from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.runs.ledger import Ledger, reading, writing
from tlm_sweeps.search.proposing import Proposer
from tlm_sweeps.search.roster import Roster

_SIZES = (10, 100, 1000, 10_000)
_PARTS = ("samplers", "trials", "rebuild", "commands", "plan")
_NAME = "scale"


def main() -> None:
    """Measure, write, show."""
    parser = measuring.parser(__doc__ or "", rounds=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, metavar="N", help="finished trials")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--folder", type=Path, help="where ledgers are made (default: the system's temporary folder)")
    arguments = parser.parse_args()
    result = measuring.setting()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for part, found in measured_parts(Path(folder), arguments):
            result.setdefault(part, {}).update(found)
    measuring.write(_NAME, result, arguments.json)


def measured_parts(folder: Path, arguments: argparse.Namespace) -> Sequence[tuple[str, dict[str, Any]]]:
    """Every part that is asked for, at every size, under the number of trials."""
    found: list[tuple[str, dict[str, Any]]] = []

    def measure(part: str, size: int, sides: Mapping[str, Callable[[], Measures]]) -> None:
        measured = measuring.interleaved(sides, arguments.rounds)
        found.append((part, {str(size): measuring.summary(measured)}))
        show(f"{part}, {size:,}", measured)

    # Processes first: one is charged with the memory of the one that starts it, and Optuna is large.
    if {"trials", "rebuild", "commands"} & {*arguments.parts}:
        facts_of = facts_reader()
        with writing(folder / _NAME) as ledger:
            pretended.begin(ledger, pretended.spec_of("random"))
        for size in sorted(arguments.sizes):
            fill(folder / _NAME, size, facts_of)
            if "commands" in arguments.parts:
                measure("commands", size, commands(folder))
            if "rebuild" in arguments.parts:
                with reading(folder / _NAME) as ledger:
                    measure("rebuild", size, rebuilds(ledger, facts_of))
            if "trials" in arguments.parts:
                with writing(folder / _NAME) as ledger:
                    measure("trials", size, {"a trial": Sweep(pretended.spec_of("random"), facts_of, ledger).trial})
    if "plan" in arguments.parts:
        measure("plan", 20_000, plans(folder))
    if "samplers" in arguments.parts:
        from benchmarks import searches

        for size in sorted(arguments.sizes):
            measure("samplers", size, searches.sides(size, folder))
    return found


def fill(folder: Path, size: int, facts_of: FactsOf) -> None:
    """Pretend trials until there are so many."""
    with writing(folder) as ledger:
        missing = size - len(ledger.proposals())
        sweep = Sweep(pretended.spec_of("random"), facts_of, ledger)
        began = time.perf_counter()
        for _ in range(missing):
            sweep.trial()
        measuring.say(f"{size:,} trials are pretended after {time.perf_counter() - began:.0f} s")


def rebuilds(ledger: Ledger, facts_of: FactsOf) -> dict[str, Callable[[], Measures]]:
    """Taking a sweep up again, by sampler; both halves of what a coordinator does before its first proposal."""

    def rebuilt(sampler: str) -> Measures:
        clock = pretended.Clock()
        runs = Roster(ledger.records())
        clock.lap("records")
        Proposer(pretended.spec_of(sampler), facts_of, ledger, runs)
        clock.lap("search")
        return clock.laps

    return {sampler: partial(rebuilt, sampler) for sampler in ("random", "tpe")}


def commands(folder: Path) -> dict[str, Callable[[], Measures]]:
    """Commands that look at a sweep, each as a user starts it."""
    places = ["--runs-dir", str(folder)]
    written = folder / "written"
    asked = {
        "status": ["status", _NAME, *places],
        "status --json": ["status", _NAME, "--json", *places],
        "list": ["list", *places],
        **{
            f"export {name}": ["export", _NAME, "--format", name, "--output", f"{written}.{name}", *places]
            for name in ("csv", "json", "parquet", "optuna")
        },
        "report": ["report", _NAME, "--output", f"{written}.html", *places],
    }
    return {name: partial(run, each, Path(f"{written}.optuna")) for name, each in asked.items()}


def plans(folder: Path) -> dict[str, Callable[[], Measures]]:
    """`plan` of as many cells as are planned one by one."""
    spec = pretended.spec_of("tpe", pretended.GRID)
    file = folder / "grid.yaml"
    file.write_text(json.dumps(spec.model_dump(mode="json", exclude_unset=True)))
    asked = {"plan": ["plan", str(file)], "plan --json": ["plan", str(file), "--json"]}
    return {name: partial(run, each, None) for name, each in asked.items()}


def run(arguments: Sequence[str], gone_before: Path | None) -> Measures:
    """One command to its end; its output goes nowhere."""
    if gone_before is not None:
        gone_before.unlink(missing_ok=True)
    before, began = _children_seconds(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tlm_sweeps", *arguments], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise measuring.LeftOut(done.stderr.strip()[-300:])
    return {"cpu_ms": 1e3 * (_children_seconds() - before), "wall_ms": 1e3 * (time.perf_counter() - began)}


def show(title: str, measured: Measured) -> None:
    """CPU milliseconds of every side, step by step where it has steps."""
    rows = []
    for side, rounds in measured.rounds.items():
        for name in (name for name in rounds[0] if name.endswith("cpu_ms")):
            step = name.removesuffix("cpu_ms").strip("_")
            wall = measured.values(side, name.replace("cpu", "wall"))
            cpu = measuring.written_spread(measured.values(side, name), digits=2)
            rows.append((f"{side}: {step}" if step else side, cpu, measuring.written_spread(wall, digits=2)))
    measuring.show(title, ("", "CPU ms", "wall ms"), rows)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
