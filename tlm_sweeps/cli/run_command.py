"""`run`: train the experiment of a spec once, without its search and baselines, as a sweep of one trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.following import follow
from tlm_sweeps.cli.machinery import Machinery
from tlm_sweeps.cli.options import DataDir, Device, Json, RunsDir, Sets, Spec
from tlm_sweeps.errors import InputError, Problem

if TYPE_CHECKING:
    from tlm_sweeps.spec.loading import LoadedSweep
    from tlm_sweeps.spec.sweep import SweepSpec


def run(
    context: typer.Context,
    spec: Spec,
    sets: Sets = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="SEED", min=0, max=2**32 - 1, help="The run's seed. Default: the first of the spec."
        ),
    ] = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    *,
    json: Json = False,
) -> None:
    """Train one experiment once.

    The spec's search and baselines are left out, and the sweep of one trial is called NAME-run. What the search would
    have given is given by --set. All cores share its steps where they are large. The same command resumes. What the
    spec is `after` is not trained: weights to start from must be there.
    """
    from tlm_sweeps import api
    from tlm_sweeps.console.streams import show, write
    from tlm_sweeps.console.sweep_views import record_view
    from tlm_sweeps.runs.export import to_json
    from tlm_sweeps.spec.loading import load_sweep

    loaded = load_sweep(spec, sets or ())
    single = alone(loaded, seed, is_named=any(each.startswith("name=") for each in sets or ()))
    follow(
        single,
        loaded,
        Machinery("auto", device, None, runs_dir, data_dir),
        argv=context.obj,
        json=False,
    )
    records = api.results(single.name, runs_dir).records
    if json:
        write(to_json(records) + "\n")
    else:
        for record in records:
            show(record_view(record))
    if any(record.state != "complete" for record in records):
        raise typer.Exit(1)


def alone(loaded: LoadedSweep, seed: int | None, *, is_named: bool) -> SweepSpec:
    """The experiment of a sweep as a sweep of one trial with one seed.

    Args:
        loaded: a valid sweep.
        seed: default: the sweep's first.
        is_named: whether the user chose the name, which then stays.

    Raises:
        InputError: when the search gave a field that nobody gives now.
    """
    from tlm_sweeps.compute.planning import budgets, seeds_of
    from tlm_sweeps.spec.rules import problems_of_sweep
    from tlm_sweeps.spec.sweep import OptunaEngine

    spec = loaded.spec
    is_sweep = bool(spec.search or spec.baselines or len(budgets(spec)) > 1 or len(seeds_of(spec)) > 1)
    update: dict[str, object] = {"search": {}, "baselines": {}, "after": (), "engine": OptunaEngine()}
    update["seeds"] = (seeds_of(spec)[0] if seed is None else seed,)
    if spec.budget is not None:
        update["budget"] = spec.budget.model_copy(update={"flops": budgets(spec)[0]})
    if not is_named:
        update["name"] = spec.name + ("-run" if is_sweep else "") + ("" if seed is None else f"-s{seed}")
    single = spec.model_copy(update=update)
    if problems := problems_of_sweep(single):
        raise InputError.of(_without_search(problems, spec, loaded))
    return single


def _without_search(problems: Sequence[Problem], spec: SweepSpec, loaded: LoadedSweep) -> list[Problem]:
    """What is wrong now that the search is left out; a field that only the search gave can be set instead."""
    found = []
    for problem in problems:
        field = problem.place.removeprefix("experiment.")
        section, _, name = field.partition(".")
        is_open = field in spec.search and getattr(getattr(spec.experiment, section), name, None) is None
        hint = (
            f"`run` leaves the search out: add `--set {field}={_first_value(spec, field)}`" if is_open else problem.hint
        )
        found.append(Problem(problem.message, loaded.place(problem.place), hint))
    return found


def _first_value(spec: SweepSpec, field: str) -> str:
    from tlm_sweeps.spec.space import Choices
    from tlm_sweeps.spec.yaml_writing import flow

    dimension = spec.search[field]
    return flow(dimension.choices[0] if isinstance(dimension, Choices) else dimension.bounds()[0])
