"""What a fitted law says of the settings of a plan: which shape to train for a new budget, and what it will reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tlm_sweeps.compute.planning import FactsOf, PlannedTrial
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.naming import format_budget, format_nll, format_value, short_names
from tlm_sweeps.report.scaling.sweep_points import differing, facts_of_spec
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.scaling.document import FitDocument, NotFitted, ParametricFit
from tlm_sweeps.scaling.prediction import Prediction, predicted
from tlm_sweeps.units import format_count, format_flops

_SHOWN = 10
_PLACE = "--from-fit"


@dataclass(frozen=True)
class ForetoldTrial:
    """A setting of a plan, and what one run of it will reach."""

    trial: PlannedTrial
    n_params: int
    n_tokens: int
    prediction: Prediction


def read_fit(path: Path) -> FitDocument:
    """The document that `fit --json` has written.

    Raises:
        InputError: for a file that is none, or that holds no law.
    """
    hint = "make it by `tlm-sweeps fit NAME… --json > FILE`"
    try:
        found = FitDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror}", place=_PLACE, hint=hint) from error
    except ValidationError as error:
        raise InputError(f"`{path}` is no fit", place=_PLACE, hint=hint) from error
    if isinstance(found.parametric, NotFitted):
        raise InputError(f"`{path}` holds no law: {found.parametric.reason}", place=_PLACE, hint="fit more runs")
    return found


def foretold(found: FitDocument, trials: Sequence[PlannedTrial], facts_of: FactsOf) -> list[ForetoldTrial]:
    """Every feasible setting, baselines aside, budgets rising, within each the lowest predicted loss first.

    Raises:
        InputError: where a setting is of another kind, or reads another text, than the runs that the law was fitted to.
    """
    fit = found.parametric
    assert isinstance(fit, ParametricFit)  # `read_fit` takes no other
    told = [_foretold(found, fit, trial, facts_of) for trial in trials if trial.feasible and trial.baseline is None]
    return sorted(told, key=lambda each: (each.trial.budget_flops or 0, each.prediction.nll))


def foretold_table(found: FitDocument, told: Sequence[ForetoldTrial]) -> Table:
    """The best of each budget, as the law foretells them."""
    searched = short_names(
        dict.fromkeys(name for each in told for name in each.trial.settings if name != "budget.flops")
    )
    columns = ("budget", *searched.values(), "parameters", "tokens", "foretold NLL", "95 % of one run")
    rows = tuple(
        Row(
            (
                format_budget(each.trial.budget_flops),
                *(format_value(each.trial.settings.get(name)) for name in searched),
                format_count(each.n_params),
                format_count(each.n_tokens),
                format_nll(each.prediction.nll),
                "{} to {}".format(*map(format_nll, each.prediction.interval)),
            )
        )
        for each in _best(told)
    )
    caption = f"Foretold by the law of {', '.join(found.basis.sources)}: the best {_SHOWN} of each budget"
    return Table(caption, columns, rows)


def foretold_notes(found: FitDocument, told: Sequence[ForetoldTrial]) -> Iterator[str]:
    """What must be known to read it."""
    yield "The law knows size and tokens only: of shapes of one size it tells none from another."
    most = max((each.trial.budget_flops or 0 for each in told), default=0)
    if most > found.basis.most_flops:
        beyond = most / found.basis.most_flops
        yield f"{format_flops(most)} is {beyond:.3g} times the most that a run was fitted to."
    if not found.basis.alike:
        yield "The law is of a file: that its runs are of this kind and text, nobody has checked."


def _foretold(found: FitDocument, fit: ParametricFit, trial: PlannedTrial, facts_of: FactsOf) -> ForetoldTrial:
    assert trial.matched
    assert trial.cost
    facts = facts_of_spec(trial.matched.experiment.model_dump(mode="json"))
    facts["corpus fingerprint"] = facts_of(trial.matched.experiment).fingerprint
    for name in differing(found.basis.alike, facts):
        message = f"the law is of runs whose {name} is {found.basis.alike[name]}; here it is {facts[name]}"
        raise InputError(message, place=_PLACE, hint="fit runs of the kind and the text that are planned")
    n_params = trial.cost.n_params_non_embedding if found.basis.sizes == "non-embedding" else trial.cost.n_params
    n_tokens = trial.cost.positions if found.basis.tokens == "positions" else trial.cost.targets
    return ForetoldTrial(trial, n_params, n_tokens, predicted(fit.law, fit.laws, fit.log_residuals, n_params, n_tokens))


def _best(told: Sequence[ForetoldTrial]) -> Iterator[ForetoldTrial]:
    """The first few of each budget."""
    shown: dict[int | None, int] = {}
    for each in told:
        budget = each.trial.budget_flops
        shown[budget] = shown.get(budget, 0) + 1
        if shown[budget] <= _SHOWN:
            yield each
