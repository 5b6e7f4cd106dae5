"""Hyperband as W&B's sweeps have it, in small: a run that is not among the best at a bracket is stopped.

Brackets are counted in history lines that hold the metric: `min_iter`, `min_iter · eta`, …, or, with `max_iter`,
`max_iter / eta^k`. A run that reaches a bracket goes on where its best value so far is among the best `1 / eta` of the
best values that runs had there (Li et al. 2018, arXiv:1603.06560, in W&B's asynchronous form).
"""

from __future__ import annotations

import math
from typing import Any

from tests.wandb_server import runs
from tests.wandb_server.state import State, Sweep


def judge(state: State, sweep: Sweep) -> None:
    """Stop the running runs that hyperband does not let go on."""
    rules: dict[str, Any] = sweep.config.get("early_terminate") or {}
    metric: dict[str, str] = sweep.config.get("metric") or {}
    if rules.get("type") != "hyperband" or not metric:
        return
    sign = -1 if metric.get("goal") == "maximize" else 1
    curves = {
        run.name: [sign * line[metric["name"]] for line in run.lines if metric["name"] in line]
        for run in state.runs_of(sweep)
    }
    longest = max(map(len, curves.values()), default=0)
    eta = rules.get("eta", 3)
    for bracket in _brackets(rules, eta, longest):
        there = {name: min(curve[:bracket]) for name, curve in curves.items() if len(curve) >= bracket}
        worst_kept = sorted(there.values())[math.ceil(len(there) / eta) - 1]
        for run in state.runs_of(sweep):
            if run.state in {"running", "preempting"} and there.get(run.name, worst_kept) > worst_kept:
                runs.stop(state, run)


def _brackets(rules: dict[str, Any], eta: float, longest: int) -> list[int]:
    if "min_iter" in rules:
        steps = (int(rules["min_iter"] * eta**power) for power in range(64))
    else:
        steps = (int(rules["max_iter"] / eta**power) for power in range(1, rules.get("s", 1) + 1))
    return sorted({step for step in steps if 1 <= step <= longest})
