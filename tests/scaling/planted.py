"""Runs that follow a law exactly, or with noise: what fits are tried on."""

from __future__ import annotations

import numpy as np

from tlm_sweeps.scaling.cost import SIX_N_D
from tlm_sweeps.scaling.law import Law, best_allocation
from tlm_sweeps.scaling.points import Point

TINY = Law(E=1.1, A=40.0, B=300.0, alpha=0.45, beta=0.38)
"""As of tiny models on characters: thousands of parameters, millions of tokens."""
BUDGETS = (1e10, 1e11, 1e12, 1e13)


def planted(
    law: Law = TINY, *, budgets: tuple[float, ...] = BUDGETS, sizes: int = 7, seeds: int = 1, noise: float = 0.0
) -> list[Point]:
    """Runs on isoFLOP curves around the best size of each budget, of C = 6 N D."""
    draws = np.random.default_rng(3)
    found = []
    for budget in budgets:
        best = best_allocation(law, SIX_N_D, budget)
        assert best
        for step in np.geomspace(1 / 4, 4, sizes):
            n_params = best.n_params * float(step)
            n_tokens = SIX_N_D.tokens(n_params, budget)
            for _ in range(seeds):
                nll = law.nll(n_params, n_tokens) * float(np.exp(noise * draws.normal()))
                found.append(Point(n_params, n_tokens, budget, nll, f"{budget:g}/{step:.4g}", budget))
    return found
