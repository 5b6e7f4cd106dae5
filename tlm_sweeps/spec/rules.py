"""The rules of a sweep as a whole: what is solved, what must be given, what an engine can search.

Data in, problems out: places are dotted names of the sweep's fields, and whoever read a file adds lines to them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from tlm_sweeps.errors import InputError, Problem
from tlm_sweeps.spec.chaining import problems_of_links
from tlm_sweeps.spec.composition import compose
from tlm_sweeps.spec.contradictions import Contradiction, find_contradictions
from tlm_sweeps.spec.field_names import experiment_fields
from tlm_sweeps.spec.space import Choices
from tlm_sweeps.spec.space_rules import kinds_in_play, problems_of_baseline, problems_of_dimension
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_flops

MOST_CELLS = 100_000
"""A larger grid would not end."""


def problems_of_sweep(spec: SweepSpec) -> list[Problem]:
    """Everything that makes a sweep impossible although each of its fields is well-formed.

    Args:
        spec: a sweep, read from a file or made in Python.

    Returns:
        Problems whose places are dotted names from the top of the sweep: `experiment.model.heads`, `budget.match`.
    """
    found = [problem for name in spec.search for problem in problems_of_dimension(spec, name)]
    found += [problem for name in spec.baselines for problem in problems_of_baseline(spec, name)]
    found += [*_of_budget(spec), *_of_open_fields(spec), *_of_engine(spec), *_of_seeds(spec), *problems_of_links(spec)]
    return found or _of_fixed_fields(spec)


def _of_budget(spec: SweepSpec) -> Iterator[Problem]:
    if spec.budget is None:
        for section in ("search", "baselines"):
            if getattr(spec, section):
                match = "" if spec.experiment.training.epochs is None else ", match: none"
                hint = f"add e.g. `budget: {{flops: 2e13{match}}}`"
                yield Problem(f"`{section}` compares runs, but no budget is given", section, hint)
        return
    flops = spec.budget.flops if isinstance(spec.budget.flops, tuple) else (spec.budget.flops,)
    if len(set(flops)) < len(flops):
        yield Problem("`budget.flops` names a budget twice", "budget.flops", "name every budget once")
    if spec.budget.total is not None and spec.budget.total < max(flops):
        message = f"the total of {format_flops(spec.budget.total)} is less than one run's {format_flops(max(flops))}"
        yield Problem(message, "budget.total", "raise `budget.total`, lower `budget.flops`, or leave the total out")


def _of_open_fields(spec: SweepSpec) -> Iterator[Problem]:
    """What the budget solves is given by nobody; everything else is given by somebody."""
    if spec.budget is None and (spec.search or spec.baselines):
        return  # The budget that is missing may solve them.
    match = "none" if spec.budget is None else spec.budget.match
    for name in ("training.epochs", "model.width"):
        if match == name.rpartition(".")[2]:
            yield from _of_solved_field(spec, name)
        else:
            yield from _of_needed_field(spec, name)


def _base_value(spec: SweepSpec, name: str) -> object:
    section, _, field = name.partition(".")
    return getattr(getattr(spec.experiment, section), field)


def _of_solved_field(spec: SweepSpec, name: str) -> Iterator[Problem]:
    places = [f"experiment.{name}"] if _base_value(spec, name) is not None else []
    places += [f"search.{name}"] if name in spec.search else []
    places += [f"baselines.{each}.{name}" for each, given in spec.baselines.items() if given.get(name) is not None]
    solved = name.rpartition(".")[2]
    for place in places:
        message = f"`{name}` is solved by `budget.match: {solved}` and cannot be given"
        yield Problem(message, place, f"remove it, or {_other_match(solved)}")


def _other_match(solved: str) -> str:
    if solved == "epochs":
        return "write `match: none` under `budget` (or `match: width`, and leave `model.width` out)"
    return "write `match: none` under `budget` (or `match: epochs`, and leave `training.epochs` out)"


def _of_needed_field(spec: SweepSpec, name: str) -> Iterator[Problem]:
    if _base_value(spec, name) is not None:
        return
    example = "training.epochs: 4" if name == "training.epochs" else "model.width: 128"
    if name not in spec.search:
        message = f"`{name}` is neither given nor searched, and nothing solves it"
        yield Problem(message, f"experiment.{name}", _ways_to_give(spec, name, example))
        return
    for baseline, given in spec.baselines.items():
        if given.get(name) is None:
            message = f"baseline `{baseline}` leaves `{name}` open: it is searched, and baselines are not"
            yield Problem(message, f"baselines.{baseline}.{name}", f"add `{example}` to the baseline")


def _ways_to_give(spec: SweepSpec, name: str, example: str) -> str:
    section, _, field = example.partition(".")
    ways = [f"give it: `{section}: {{{field}}}`"]
    if spec.budget is not None:
        ways.append("search it")
        if spec.budget.match == "none":
            ways.append(f"write `match: {name.rpartition('.')[2]}` under `budget` to have it solved")
    return ", or ".join(ways)


def _of_engine(spec: SweepSpec) -> Iterator[Problem]:
    engine = spec.engine
    objectives = engine.objectives
    if len(set(objectives)) < len(objectives):
        yield Problem(f"`{objectives[0]}` is named twice", "engine.objectives", "name every objective once")
    if "val_nll" not in objectives:
        yield Problem(
            f"nothing is learned from {', '.join(objectives)} alone", "engine.objectives", "name `val_nll` among them"
        )
    if len(objectives) > 1 and engine.sampler != "nsga2":
        message = f"the sampler {engine.sampler} minimises one objective, not {len(objectives)}"
        yield Problem(message, "engine.sampler", "write `sampler: nsga2`, or keep one objective")
    if len(objectives) > 1 and engine.pruner != "none":
        message = f"the pruner {engine.pruner} judges one objective, not {len(objectives)}"
        yield Problem(message, "engine.pruner", "write `pruner: none`, or keep one objective")
    if engine.sampler == "grid":
        yield from _of_grid(spec)


def _of_grid(spec: SweepSpec) -> Iterator[Problem]:
    sizes = {name: dimension.size() for name, dimension in spec.search.items()}
    for name, size in sizes.items():
        if size is None:
            hint = f"give a list of choices, an int_uniform or a step, or take another {_way(spec)}"
            yield Problem(
                f"a grid needs finitely many values, and `{name}` is a range without a step", f"search.{name}", hint
            )
    cells = math.prod(size for size in sizes.values() if size is not None)
    if cells > MOST_CELLS:
        message = f"the grid has {cells:,} cells; at most {MOST_CELLS:,} are trained"
        hint = f"write `{_way(spec)}: random` and `trials: 64`, or give fewer choices"
        yield Problem(message, f"engine.{_way(spec)}", hint)


def _way(spec: SweepSpec) -> str:
    """What its engine calls the choice between a grid and other searches."""
    return "method" if spec.engine.kind == "wandb" else "sampler"


def _of_seeds(spec: SweepSpec) -> Iterator[Problem]:
    seeds = spec.seeds
    repeated = [seed for seed, count in Counter(seeds).items() if count > 1] if isinstance(seeds, tuple) else []
    if repeated:
        names = ", ".join(map(str, repeated))
        yield Problem(f"`seeds` names {names} twice", "seeds", "name every seed once; equal seeds give equal runs")


def _of_fixed_fields(spec: SweepSpec) -> list[Problem]:
    """Contradictions that every cell or a baseline has, whatever is searched."""
    fixed = [each for each in _of_first_cell(spec) if not set(each.fields) & spec.search.keys()]
    found = [Problem(each.message, f"experiment.{each.fields[0]}", each.hint) for each in fixed]
    for name, settings in spec.baselines.items():
        own = [each for each in find_contradictions(compose(spec, settings)) if each not in fixed]
        found += [_of_baseline(each, settings, name) for each in own]
    return found


def _of_first_cell(spec: SweepSpec) -> list[Contradiction]:
    for kind in kinds_in_play(spec):
        known = {name: each for name, each in spec.search.items() if name in experiment_fields(kind)}
        cell = {
            name: each.choices[0] if isinstance(each, Choices) else each.bounds()[0] for name, each in known.items()
        }
        try:
            return find_contradictions(compose(spec, {**cell, "model.kind": kind}))
        except InputError:
            continue  # A first choice for another kind: the plan judges cells one by one.
    return []


def _of_baseline(found: Contradiction, settings: Mapping[str, object], baseline: str) -> Problem:
    """At the field of the baseline that bears on it, else at the field of the experiment."""
    own = next((field for field in found.fields if field in settings), "")
    place = f"baselines.{baseline}.{own}" if own else f"experiment.{found.fields[0]}"
    return Problem(f"baseline `{baseline}`: {found.message}", place, found.hint)
