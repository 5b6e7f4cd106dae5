"""What must be known to read a fit: what its points cannot tell, and where its numbers reach beyond them."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.scaling.document import FitDocument, IsoFlopFit, ParametricFit
from tlm_sweeps.scaling.sufficing import is_scant
from tlm_sweeps.units import format_flops

_FAR = 10.0
"""Times the largest budget that was trained: beyond, no check on these points says anything."""
_LOOSE = 0.1
_CUT_OFF = 0.05


def notes_on(found: FitDocument) -> Iterator[str]:
    """Sentences, the weightiest first."""
    if isinstance(found.parametric, ParametricFit):
        yield from _on_law(found, found.parametric)
    if isinstance(found.isoflop, IsoFlopFit):
        yield from _on_minima(found.isoflop)
    basis = found.basis
    far = [split.train_flops for split in found.best_splits if split.beyond > _FAR * 1.001]
    if far:
        said = format_flops(far[-1])
        yield f"{said} is more than {_FAR:g} times the largest budget trained: nothing here checks a law so far out."
    if basis.cost_worst_error > _LOOSE:
        yield (
            f"Runs spent up to {basis.cost_worst_error:.0%} more or less a token than {basis.cost_factor:.3g} "
            f"N^{basis.cost_exponent:.3g}: so may a real shape of the best size. `plan` counts it."
        )
    if basis.n_runs == basis.n_settings:
        yield "Every setting was trained once, so what seeds do is known only from how far runs lie from the law."


def _on_law(found: FitDocument, fit: ParametricFit) -> Iterator[str]:
    loose = [name for name, each in (("α", fit.alpha), ("β", fit.beta)) if each.interval[0] <= 0]
    if loose:
        yield f"{' and '.join(loose)} cannot be told from 0: more sizes and budgets, further apart, would tell."
    if fit.E.interval[0] < _LOOSE * fit.E.value:
        yield "E cannot be told from 0: the largest budget is far from any floor."
    if is_scant(found.points):
        few = found.basis.n_settings
        yield f"{few} settings for five coefficients are few: whether intervals from so few are honest was never tried."
    if not fit.law.has_optimum:
        yield "The law has no best split: by its signs more parameters or more tokens do not help."


def _on_minima(fit: IsoFlopFit) -> Iterator[str]:
    budgets_of: dict[str, list[str]] = {}
    for budget, reason in fit.unused.items():
        budgets_of.setdefault(reason, []).append(budget)
    for reason, budgets in budgets_of.items():
        yield f"No minimum of {', '.join(budgets)} was used: {reason}."
    if len(fit.minima) == 2:
        yield "Two minima lie on a line whatever they are: a third budget would check it."
    cut_off = [format_flops(each.budget_flops) for each in fit.minima if each.at_edge > _CUT_OFF]
    if cut_off:
        yield (
            f"At {', '.join(cut_off)} the minimum is hardly told from the edge of the sizes, where its interval ends "
            f"(more than {_CUT_OFF:.0%} of resamples)."
        )
