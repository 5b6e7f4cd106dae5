"""How often the 95 % intervals of `fit` hold the coefficients that made the runs. Nothing is trained.

Laws are planted in simulated runs on isoFLOP curves around the best size, with log-normal noise; each data set is
fitted as `fit` does it. An honest interval holds the truth in 95 of 100 data sets, give or take four.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import measuring
from tlm_sweeps.scaling.bootstrap import resampled_laws
from tlm_sweeps.scaling.cost import SIX_N_D
from tlm_sweeps.scaling.law import COEFFICIENTS, Law, best_allocation, interval
from tlm_sweeps.scaling.parametric import columns_of, fit_law
from tlm_sweeps.scaling.points import Point

PLANTED = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
"""Besiroglu et al. 2024, arXiv 2404.10102."""


@dataclass(frozen=True)
class Design:
    """Which runs are simulated."""

    budgets: tuple[float, ...]
    sizes: int
    """Of each budget, evenly in logarithms from an eighth of the best size to eight times that."""
    seeds: int
    setting_noise: float
    """Standard deviation of log L that all seeds of a setting share."""
    seed_noise: float
    """Standard deviation of log L of each run."""


DESIGNS: Mapping[str, Design] = {
    "chinchilla": Design((6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21), 10, 1, 0.0, 0.01),
    "six budgets": Design((6e18, 2e19, 7e19, 2.5e20, 9e20, 3e21), 8, 1, 0.0, 0.01),
    "small, two seeds": Design((6e18, 4.8e19, 3.8e20, 3e21), 6, 2, 0.005, 0.005),
}
"""Hoffmann's nine budgets; a sweep of some size; and as little as one would fit to."""


def simulated(design: Design, draws: np.random.Generator, law: Law = PLANTED) -> list[Point]:
    """Runs of a design, with noise."""
    return list(_runs(design, draws, law))


def coverage(design: Design, data_sets: int, resamples: int, seed: int = 0) -> dict[str, int]:
    """In how many data sets the interval of each coefficient holds the planted one."""
    draws = np.random.default_rng(seed)
    held: dict[str, int] = dict.fromkeys(COEFFICIENTS, 0)
    for _ in range(data_sets):
        points = simulated(design, draws)
        laws = resampled_laws(fit_law(columns_of(points)), points, resamples)
        for name in COEFFICIENTS:
            low, high = interval([getattr(law, name) for law in laws])
            held[name] += low <= getattr(PLANTED, name) <= high
    return held


def main() -> None:
    """Measure, write, show."""
    parser = measuring.parser(__doc__ or "", rounds=100)
    parser.add_argument("--resamples", type=int, default=400, metavar="N", help="refits behind an interval")
    arguments = parser.parse_args()
    result: dict[str, Any] = {**measuring.setting(), "data_sets": arguments.rounds, "designs": {}}
    rows = []
    for name, design in DESIGNS.items():
        begun = time.process_time()
        held = coverage(design, arguments.rounds, arguments.resamples)
        seconds = (time.process_time() - begun) / arguments.rounds
        result["designs"][name] = {"held": held, "cpu_seconds_a_fit": seconds}
        settings = len(design.budgets) * design.sizes
        rows.append([name, str(settings), str(settings * design.seeds), *(str(held[each]) for each in COEFFICIENTS)])
        rows[-1].append(f"{seconds:.2f}")
    heads = ["design", "settings", "runs", *COEFFICIENTS, "CPU s a data set"]
    measuring.show(f"data sets of {arguments.rounds} whose 95 % interval holds the truth", heads, rows)
    measuring.write("coverage", result, arguments.json)


def _runs(design: Design, draws: np.random.Generator, law: Law) -> Iterator[Point]:
    for budget in design.budgets:
        best = best_allocation(law, SIX_N_D, budget)
        assert best
        for step in np.geomspace(1 / 8, 8, design.sizes):
            n_params = best.n_params * float(step)
            n_tokens = SIX_N_D.tokens(n_params, budget)
            shared = design.setting_noise * draws.normal()
            for _ in range(design.seeds):
                noise = float(np.exp(shared + design.seed_noise * draws.normal()))
                nll = law.nll(n_params, n_tokens) * noise
                yield Point(n_params, n_tokens, budget, nll, f"{budget:g}/{step:.3g}", budget)


if __name__ == "__main__":
    main()
