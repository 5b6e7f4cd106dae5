"""A fit as tables and sentences for people; terminals and pages show the same ones."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.report.axes import with_prefix
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.scaling.document import (
    Basis,
    BestSplit,
    Coefficient,
    FitDocument,
    FrontierFit,
    HeldOut,
    HeldOutSetting,
    IsoFlopFit,
    NotFitted,
    ParametricFit,
)
from tlm_sweeps.units import format_flops

_NAMES = {"E": "E (nats)", "A": "A", "B": "B", "alpha": "α", "beta": "β"}
_APPROACHES = {"parametric": "3: the law", "isoflop": "2: isoFLOP minima"}
_SHOWN = 25
_NOTHING = "–"


def tables(found: FitDocument) -> list[Table]:
    """All of them, those without rows left out."""
    made = [best_table(found), law_table(found), exponents_table(found), minima_table(found), held_out_table(found)]
    return [table for table in made if table.rows]


def verdict(found: FitDocument) -> list[str]:
    """What the fit says, in a sentence for each thing that it could tell."""
    return [*_on_splits(found), *_on_held_out(found), *_on_frontier(found)]


def sentences(found: FitDocument) -> list[str]:
    """What was fitted to, what could not be told, and what must be known to read the rest."""
    basis = found.basis
    said = [_on_basis(basis), f"A token costs {_cost(basis)} FLOPs. Intervals are 95 %."]
    if basis.left_out:
        said.append("Left out: " + ", ".join(f"{count} {reason}" for reason, count in basis.left_out.items()) + ".")
    parts = (("the law", found.parametric), ("isoFLOP minima", found.isoflop))
    parts += (("the frontier", found.frontier), ("the held-out check", found.held_out))
    said += [f"No fit of {name}: {part.reason}." for name, part in parts if isinstance(part, NotFitted)]
    return [*said, *found.notes]


def _on_basis(basis: Basis) -> str:
    """What was fitted to."""
    counts = f"{basis.n_settings} settings ({basis.n_runs} runs) of {', '.join(basis.sources)}: {basis.n_sizes} sizes"
    spent = f"{format_flops(basis.least_flops)} to {format_flops(basis.most_flops)} ({basis.account})"
    said = f"Fitted to {counts}, {spent}."
    if basis.sizes is None:
        return said
    sizes = "with embeddings" if basis.sizes == "all" else "without embeddings"
    tokens = "tokens that were predicted" if basis.tokens == "targets" else "tokens that flowed through the model"
    return f"{said} N counts parameters, {sizes}; D counts {tokens} in training."


def _cost(basis: Basis) -> str:
    """A token's FLOPs as a formula."""
    power = "" if abs(basis.cost_exponent - 1) < 1e-6 else f"^{basis.cost_exponent:.3g}"
    return f"{basis.cost_factor:.3g} N{power}"


def best_table(found: FitDocument) -> Table:
    """How each budget is best spent."""
    rows = tuple(
        Row(
            (
                format_flops(split.train_flops),
                _APPROACHES[split.approach],
                *_count(split.n_params),
                *_count(split.n_tokens),
                *((format_nll(split.nll.value), _nlls(split.nll.interval)) if split.nll else (_NOTHING, _NOTHING)),
                f"{split.beyond:.3g} ×",
            )
        )
        for split in found.best_splits
    )
    columns = ("budget", "approach", "N*", "95 % of N*", "D*", "95 % of D*", "NLL", "95 % of NLL", "of the largest")
    return Table("How a budget is best spent", columns, rows, words=frozenset({"approach"}))


def law_table(found: FitDocument) -> Table:
    """The coefficients of approach 3."""
    fit = found.parametric
    caption = "L(N, D) = E + A / N^α + B / D^β, by Huber's loss on log L"
    if isinstance(fit, NotFitted):
        return Table(caption, (), ())
    rows = tuple(Row((written, *_number(getattr(fit, name)))) for name, written in _NAMES.items())
    return Table(f"{caption}; runs lie {fit.mean_error:.2%} from it on average", ("", "value", "95 %"), rows)


def exponents_table(found: FitDocument) -> Table:
    """N* ∝ C^a and D* ∝ C^b by both approaches beside each other."""
    rows: list[Row] = []
    if isinstance(found.parametric, ParametricFit):
        rows.append(_exponents("parametric", found.parametric.a, found.parametric.b))
    if isinstance(found.isoflop, IsoFlopFit) and found.isoflop.a and found.isoflop.b:
        rows.append(_exponents("isoflop", found.isoflop.a, found.isoflop.b))
    caption = "N* ∝ C^a and D* ∝ C^b; of approach 3 where FLOPs are proportional to N D"
    columns = ("approach", "a", "95 % of a", "b", "95 % of b")
    return Table(caption, columns, tuple(rows), words=frozenset({"approach"}))


def minima_table(found: FitDocument) -> Table:
    """The lowest point of each budget's parabola."""
    fit = found.isoflop
    minima = () if isinstance(fit, NotFitted) else fit.minima
    rows = tuple(
        Row(
            (
                format_flops(each.budget_flops),
                str(each.n_sizes),
                *_count(each.n_params),
                *_count(each.n_tokens),
                format_nll(each.nll),
            )
        )
        for each in minima
    )
    columns = ("budget", "sizes", "N*", "95 % of N*", "D*", "95 % of D*", "NLL")
    return Table("Minima of the isoFLOP curves: parabolas over log N", columns, rows)


def held_out_table(found: FitDocument) -> Table:
    """What the law of the cheaper settings says of the dearest ones."""
    caption = "The dearest settings, foretold by the law of the others: 95 % intervals of one run"
    columns = ("setting", "parameters", "measured", "foretold", "95 %", "error", "inside")
    if isinstance(found.held_out, NotFitted):
        return Table(caption, columns, ())
    rows = tuple(_held_out_row(each) for each in found.held_out.settings)
    return Table(caption, columns, rows[:_SHOWN], rows[_SHOWN:], frozenset({"setting"}))


def _held_out_row(each: HeldOutSetting) -> Row:
    return Row(
        (
            each.label,
            with_prefix(each.n_params),
            format_nll(each.measured),
            format_nll(each.predicted),
            _nlls(each.interval),
            f"{each.error:+.2%}",
            "yes" if each.is_inside else "no",
        )
    )


def _on_splits(found: FitDocument) -> Iterator[str]:
    for split in _told(found):
        reached = (
            f" reach {format_nll(split.nll.value)} nats ({_nlls(split.nll.interval)})" if split.nll else " are best"
        )
        params, tokens = _count(split.n_params), _count(split.n_tokens)
        yield (
            f"For {format_flops(split.train_flops)}, {params[0]} parameters ({params[1]}) and {tokens[0]} tokens "
            f"({tokens[1]}){reached}."
        )
        if found.basis.sizes is not None:
            yield f"Nearest in size of what was trained: {'; '.join(split.nearest)}."


def _told(found: FitDocument) -> list[BestSplit]:
    """One split for each budget: that of the law, else that of the minima."""
    ordered = sorted(found.best_splits, key=lambda split: split.approach != "parametric")
    first: dict[float, BestSplit] = {}
    for split in ordered:
        first.setdefault(split.train_flops, split)
    return [first[budget] for budget in sorted(first)]


def _on_held_out(found: FitDocument) -> Iterator[str]:
    fit = found.held_out
    if not isinstance(fit, HeldOut):
        return
    inside = sum(each.is_inside for each in fit.settings)
    best = fit.best
    foretold = f"{format_nll(best.predicted)} ({_nlls(best.interval)})"
    yield (
        f"Fitted to the {fit.n_fitted} cheaper settings, the law foretells the {len(fit.settings)} dearest with an "
        f"error of {fit.mean_error:.2%} on average; {inside} of {len(fit.settings)} lie in their 95 % interval. "
        f"The best of them was foretold at {foretold} and reached {format_nll(best.measured)}."
    )


def _on_frontier(found: FitDocument) -> Iterator[str]:
    fit = found.frontier
    if isinstance(fit, FrontierFit):
        value, ends = _number(fit.exponent)
        yield f"The frontier falls as C^-{value} ({ends}), through {len(fit.budgets)} points."


def _exponents(approach: str, a: Coefficient, b: Coefficient) -> Row:
    return Row((_APPROACHES[approach], *_number(a), *_number(b)))


def _number(found: Coefficient) -> tuple[str, str]:
    low, high = found.interval
    return f"{found.value:.4g}", f"{low:.4g} to {high:.4g}"


def _count(found: Coefficient) -> tuple[str, str]:
    low, high = found.interval
    return with_prefix(found.value), f"{with_prefix(low)} to {with_prefix(high)}"


def _nlls(ends: tuple[float, float]) -> str:
    return f"{format_nll(ends[0])} to {format_nll(ends[1])}"
