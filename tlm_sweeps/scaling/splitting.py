"""How a budget is best split between size and tokens, by the law and by isoFLOP minima, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tlm_sweeps.scaling.cost import CostLaw
from tlm_sweeps.scaling.document import BestSplit, Coefficient
from tlm_sweeps.scaling.isoflop import PowerLaw
from tlm_sweeps.scaling.law import Allocation, Law, best_allocation, interval
from tlm_sweeps.scaling.points import Setting

_NEAREST = 3


def split_by_law(
    law: Law, laws: Sequence[Law], cost: CostLaw, budget: float, settings: Sequence[Setting]
) -> BestSplit | None:
    """By approach 3; None where the law, or more than half of the resampled ones, has no best split."""
    best = best_allocation(law, cost, budget)
    drawn = [found for each in laws if (found := best_allocation(each, cost, budget))]
    if best is None or len(drawn) <= len(laws) / 2:
        return None

    def coefficient(name: str) -> Coefficient:
        return Coefficient(value=getattr(best, name), interval=interval([getattr(each, name) for each in drawn]))

    return BestSplit(
        train_flops=budget,
        beyond=_beyond(budget, settings),
        approach="parametric",
        n_params=coefficient("n_params"),
        n_tokens=coefficient("n_tokens"),
        nll=coefficient("nll"),
        nearest=_nearest(best, settings),
    )


def split_by_minima(
    sizes: tuple[PowerLaw, Sequence[PowerLaw]],
    tokens: tuple[PowerLaw, Sequence[PowerLaw]],
    budget: float,
    settings: Sequence[Setting],
) -> BestSplit:
    """By approach 2: a power law and its resamples for N*, and for D*."""
    n_params, n_tokens = (
        Coefficient(value=law.at(budget), interval=interval([each.at(budget) for each in drawn]))
        for law, drawn in (sizes, tokens)
    )
    return BestSplit(
        train_flops=budget,
        beyond=_beyond(budget, settings),
        approach="isoflop",
        n_params=n_params,
        n_tokens=n_tokens,
        nll=None,
        nearest=_nearest(Allocation(n_params.value, n_tokens.value, math.nan), settings),
    )


def _beyond(budget: float, settings: Sequence[Setting]) -> float:
    return budget / max(setting.budget_flops or setting.train_flops for setting in settings)


def _nearest(best: Allocation, settings: Sequence[Setting]) -> tuple[str, ...]:
    """Labels of the settings whose size is nearest, by its ratio; of one size the dearest."""
    rising = sorted(settings, key=lambda setting: setting.train_flops)
    of_size = {setting.n_params: setting.label for setting in rising}
    ordered = sorted(of_size, key=lambda n_params: abs(math.log(n_params / best.n_params)))
    return tuple(of_size[n_params] for n_params in ordered[:_NEAREST])
