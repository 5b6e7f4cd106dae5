"""`python -m tests.faults.ray --seed 1`: a sweep on a Ray cluster of three nodes, of which much is killed.

Workers, one node and the coordinator are killed at moments that are drawn from a seed. A moment is a number of
evaluations that the ledger knows, not of seconds: on a slow machine it is the same one. The same sweep is run beside it
in peace, on two workers here. Printed is what was killed and when, what was trained again and which promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.faults.promises import Count, broken_promises
from tests.search.ray.clusters import RayNodes, ray_nodes

Victim = Literal["worker", "node", "coordinator"]

_RUN_FLOPS = 400_000_000
_NODES = 3
_OF_THE_SWEEP = 0.85
"""In which everything is killed: at its end too little is under way."""
_ENVIRONMENT = {"TLM_CHECKPOINT_SECONDS": "0.2"}
_EVALUATIONS = 4
"""Of a run."""
_EXPERIMENT: dict[str, Any] = {
    "model": {"kind": "transformer", "width": 16, "context": 8, "dropout": 0.1, "heads": 2},
    "training": {"batch_size": 8, "learning_rate": 3e-3},
    "evaluation": {"every": 1 / _EVALUATIONS, "windows": 50},
}


@dataclass(frozen=True)
class Asked:
    """What a sweep is to bear."""

    seed: int
    trials: int = 32
    kills: int = 10
    """Of workers, one of them with its node."""
    restarts: int = 2
    """Kills of the coordinator."""
    apart: bool = False
    """Whether the nodes have another runs folder."""


@dataclass(frozen=True)
class Killed:
    """A kill."""

    victim: Victim
    node: str
    measured: int
    """Evaluations that the ledger knew."""
    seconds: float
    """Since the sweep was begun."""


@dataclass(frozen=True)
class Report:
    """What became of it."""

    killed: Sequence[Killed]
    again: dict[str, int]
    """FLOPs that a run was charged besides those of its record."""
    broken: Sequence[str]
    count: Count


def disturbed_on_ray(asked: Asked, folder: Path) -> Report:
    """Run the sweep in peace and disturbed, and compare."""
    spec, runs = _written(asked, folder), folder / "on-ray"
    runs.mkdir(exist_ok=True)
    in_peace = _Sweep(spec, folder / "in-peace", {**os.environ, **_ENVIRONMENT}, "2")
    with ray_nodes(_NODES, runs if asked.apart else None, _ENVIRONMENT) as nodes:
        killed = _disturb(_Sweep(spec, runs, nodes.environment, f"ray:{_NODES}"), nodes, asked)
    in_peace.await_end()
    broken, count = broken_promises(runs / "disturbed", in_peace.runs / "disturbed")
    rows = _rows(runs / "disturbed", "SELECT run_id, state, lease, reserved, charged, record FROM runs")
    spent = {row[0]: json.loads(row[-1])["train_flops"]["matmul"] for row in rows if row[1] == "complete"}
    again = {row[0]: row[4] - spent[row[0]] for row in rows if row[0] in spent and row[4] != spent[row[0]]}
    broken += _of_pool(asked, rows, again)
    if len(killed) < asked.kills + asked.restarts:
        broken.append(f"only {len(killed)} kills before the sweep was over")
    return Report(killed, again, broken, count)


def _of_pool(asked: Asked, rows: list[Any], again: dict[str, int]) -> list[str]:
    """The pool is kept to the FLOP: undisturbed runs cost what they spent, and all together no more than the total."""
    broken = [
        f"{run_id} was never put back, and is charged {again[run_id]} FLOPs more than it spent"
        for run_id, _, lease, *_ in rows
        if lease == 1 and run_id in again
    ]
    complete, used = sum(row[1] == "complete" for row in rows), sum(row[3] + row[4] for row in rows)
    if complete != asked.trials:
        broken.append(f"{complete} of {asked.trials} runs are complete")
    if used > _total(asked):
        broken.append(f"{used} FLOPs are charged or reserved, of a total of {_total(asked)}")
    return broken


def _total(asked: Asked) -> int:
    """Enough though every kill costs a whole run, and that of a coordinator one on each node."""
    return _RUN_FLOPS * (asked.trials + asked.kills + asked.restarts * _NODES)


def _written(asked: Asked, folder: Path) -> Path:
    words = random.Random(0).choices(("the", "model", "reads", "a", "window", "of", "tokens"), k=6000)
    (folder / "words.txt").write_text(" ".join(words), encoding="utf-8")
    spec = {
        "name": "disturbed",
        "experiment": {**_EXPERIMENT, "corpus": {"path": str(folder / "words.txt")}},
        "search": {"model.depth": [1, 2], "training.learning_rate": {"log_uniform": [1e-3, 1e-2]}},
        "budget": {"flops": _RUN_FLOPS, "total": _total(asked)},
        "engine": {"sampler": "random", "trials": asked.trials},
    }
    path = folder / "disturbed.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


class _Sweep:
    """A sweep that is begun, killed, and begun again by the same command."""

    def __init__(self, spec: Path, runs: Path, environment: dict[str, str], workers: str) -> None:
        self.runs = runs
        self._environment = environment
        command = [sys.executable, "-m", "tlm_sweeps", "sweep", str(spec), "--runs-dir", str(runs)]
        self._command = [*command, "--workers", workers, "--no-report"]
        self._said = runs.with_name(f"{runs.name}.txt")
        self._log = runs / "disturbed" / "remote.log"
        self.begin()

    def begin(self) -> None:
        self._logged_before = len(self._log.read_text()) if self._log.exists() else 0
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self._environment
            )

    def await_end(self) -> None:
        if self.process.wait(3600):
            raise AssertionError(f"the sweep left with {self.process.returncode}: {self._said.read_text()}")

    def comes_to(self, is_so: Callable[[], bool]) -> bool:
        """Wait until something is so; False when the sweep is over before."""
        while self.process.poll() is None:
            if is_so():
                return True
            time.sleep(0.1)
        return False

    def measured(self) -> int:
        try:
            return _rows(self.runs / "disturbed", "SELECT count(*) FROM measurements")[0][0]
        except sqlite3.OperationalError:
            return 0  # it has no ledger yet

    def at_work(self, nodes: RayNodes) -> list[str]:
        """Nodes whose worker takes orders, as far as the sweep has said since it was last begun."""
        log = self._log.read_text()[self._logged_before :] if self._log.exists() else ""
        last = {node: what for what, node in re.findall(r"worker \d+ is (\w+), on node ([\d.]+)", log)}
        return [node for node in sorted(nodes.raylets) if last.get(node) == "there" and nodes.workers_of(node)]


def _disturb(sweep: _Sweep, nodes: RayNodes, asked: Asked) -> list[Killed]:
    drawn, begun = random.Random(asked.seed), time.monotonic()
    workers: list[Victim] = ["worker"] * (asked.kills - 1)
    coordinators: list[Victim] = ["coordinator"] * asked.restarts
    victims: list[Victim] = ["node", *workers, *coordinators]
    drawn.shuffle(victims)
    span = _OF_THE_SWEEP * asked.trials * _EVALUATIONS / len(victims)
    killed: list[Killed] = []
    for number, victim in enumerate(victims):
        moment = max(1, round(drawn.uniform(number * span, (number + 1) * span)))
        if not sweep.comes_to(lambda moment=moment: sweep.measured() >= moment and bool(sweep.at_work(nodes))):
            break
        node = "" if victim == "coordinator" else drawn.choice(sweep.at_work(nodes) or list(nodes.raylets))
        killed.append(Killed(victim, node, sweep.measured(), round(time.monotonic() - begun, 1)))
        print(json.dumps(vars(killed[-1])), flush=True)
        _kill(victim, node, sweep, nodes)
    sweep.await_end()
    return killed


def _kill(victim: Victim, node: str, sweep: _Sweep, nodes: RayNodes) -> None:
    if victim == "worker":
        nodes.kill_workers(node)
    elif victim == "node":
        nodes.kill(node)
    else:
        os.kill(sweep.process.pid, signal.SIGKILL)
        sweep.process.wait()
        sweep.begin()


def _rows(folder: Path, question: str) -> list[Any]:
    with sqlite3.connect(f"{(folder / 'ledger.sqlite').as_uri()}?mode=ro", uri=True) as db:
        return db.execute(question).fetchall()


def main() -> int:
    """Disturb one sweep and say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and victims")
    parser.add_argument("--trials", type=int, default=Asked.trials, help="of the sweep")
    parser.add_argument("--kills", type=int, default=Asked.kills, help="of workers, one of them with its node")
    parser.add_argument("--restarts", type=int, default=Asked.restarts, help="kills of the coordinator")
    parser.add_argument("--apart", action="store_true", help="the nodes do not share the runs folder (needs root)")
    parser.add_argument("--folder", type=Path, help="where everything is left to be looked at")
    given = vars(parser.parse_args())
    kept: Path | None = given.pop("folder")
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        report = disturbed_on_ray(Asked(**given), Path(folder).resolve())
    print(json.dumps({"trained_again_flops": report.again}))
    print(json.dumps({**vars(report.count), "broken": report.broken}))
    return 1 if report.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
