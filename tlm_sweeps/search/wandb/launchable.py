"""What one machine can search, but not W&B's server with agents on several: refused before anything is made."""

from __future__ import annotations

from collections.abc import Iterator

from tlm_sweeps.compute.planning import budgets
from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.sweep import SweepSpec

_LONGEST_NAME = 80


def ensure_launchable(spec: SweepSpec) -> None:
    """Refuse a sweep that W&B could not carry out as it is meant.

    Raises:
        InputError: with every reason; places are dotted fields.
    """
    if problems := [*_of_name(spec), *_of_agents(spec), *_of_bayes(spec), *_of_hyperband(spec)]:
        raise InputError.of(problems)


def _of_agents(spec: SweepSpec) -> Iterator[Problem]:
    if spec.experiment.training.precision == "auto":
        message = "`precision: auto` would be settled by each agent for itself, and runs could not be compared"
        yield Problem(message, "experiment.training.precision", "write `precision: fp32` or `precision: bf16`")


def _of_name(spec: SweepSpec) -> Iterator[Problem]:
    if len(spec.name) > _LONGEST_NAME:
        message = f"`{spec.name}` is too long: agents keep a W&B sweep's trials in a folder of its name and W&B's id"
        yield Problem(message, "name", f"at most {_LONGEST_NAME} characters")


def _of_bayes(spec: SweepSpec) -> Iterator[Problem]:
    if spec.engine.sampler != "tpe":
        return
    if not spec.search:
        yield Problem("bayes has nothing to search", "engine.method", "add a `search`, or write `method: grid`")
    if len(budgets(spec)) > 1:
        message = "W&B's bayes cannot search at several budgets: it would take the budget for a hyperparameter"
        hint = "keep one budget for each sweep, write `method: random`, or search here with `--offline`"
        yield Problem(message, "budget.flops", hint)


def _of_hyperband(spec: SweepSpec) -> Iterator[Problem]:
    if spec.engine.pruner != "hyperband":
        return
    if spec.experiment.evaluation.every == "epoch":
        message = "hyperband judges at equal shares of the budget, and epochs of different models are none"
        yield Problem(message, "experiment.evaluation.every", "write a share such as `every: 5%`, or `pruner: none`")
    settings = [*spec.search, *(name for given in spec.baselines.values() for name in given)]
    if "evaluation.every" in settings:
        message = "hyperband judges runs line by line, so all must be evaluated equally often"
        yield Problem(message, "search.evaluation.every", "fix `evaluation.every`, or write `pruner: none`")
