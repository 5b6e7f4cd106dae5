"""The rules of chains: what sweeps that are after each other, or start from each other, must have and have not.

It reads no file: who does adds the lines to what is wrong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlm_sweeps.errors import Problem
from tlm_sweeps.spec.space import Choices
from tlm_sweeps.spec.sweep import Account, SweepSpec

START_FROM = "start_from"
"""The field of an experiment that names the weights to begin with."""


@dataclass(frozen=True)
class SharedTotal:
    """A total that covers a sweep and others."""

    flops: int
    """In its sweep's account, which the others have too."""
    sweep: str
    """Whose `budget.total` it is."""
    others: tuple[str, ...]
    """Names of the sweeps that it covers, without the one whose share of it is asked for."""


def account_of(spec: SweepSpec) -> Account:
    """The convention by which a sweep counts its FLOPs."""
    return spec.budget.account if spec.budget else "matmul"


def total_of(spec: SweepSpec) -> int | None:
    """The training FLOPs of a sweep and all that it is after; None where nobody bounds them."""
    return spec.budget.total if spec.budget else None


def origins_named(spec: SweepSpec) -> dict[str, str]:
    """Names of the sweeps whose weights any run may start from, each with the place of the first field that says so."""
    given = [(f"experiment.{START_FROM}", spec.experiment.start_from)]
    searched = spec.search.get(START_FROM)
    if isinstance(searched, Choices):
        given += [(f"search.{START_FROM}.{place}", each) for place, each in enumerate(searched.choices)]
    given += [(f"baselines.{name}.{START_FROM}", each.get(START_FROM)) for name, each in spec.baselines.items()]
    return {str(value).partition("/")[0]: place for place, value in reversed(given) if value is not None}


def problems_of_links(spec: SweepSpec) -> Iterator[Problem]:
    """What a sweep by itself shows to be wrong with what it starts from or is after."""
    origins = origins_named(spec)
    if spec.name in origins:
        message, hint = f"`{spec.name}` cannot start from itself", "name the sweep that pre-trains"
        yield Problem(message, origins[spec.name], hint)
    if spec.engine.kind != "wandb" or not (spec.after or origins):
        return
    what, place = ("after", "after") if spec.after else (START_FROM, next(iter(origins.values())))
    message = f"`{what}` names sweeps of this machine, and W&B, which searches, knows of none"
    yield Problem(message, place, "search here with `engine: {kind: optuna}`; `tracking` still tells W&B of the runs")


def problems_of_chain(spec: SweepSpec, after: Sequence[SweepSpec], reached: Sequence[SweepSpec]) -> list[Problem]:
    """What is wrong with a sweep and those that it is after.

    Args:
        spec: the sweep.
        after: those that its `after` names, in that order.
        reached: every spec of the chain, on every way that leads to it.
    """
    found: list[Problem] = []
    for number, link in enumerate(after):
        found += [Problem(message, f"after.{number}", hint) for message, hint in _of_link(spec, link)]
    by_name: dict[str, SweepSpec] = {}
    for each in reached:
        if by_name.setdefault(each.name, each) != each:
            message = f"two different sweeps of this chain are called `{each.name}`"
            found.append(Problem(message, "after", "sweeps live in folders by their names: rename one of the two"))
    return found


def _of_link(spec: SweepSpec, link: SweepSpec) -> Iterator[tuple[str, str]]:
    if link.engine.kind == "wandb":
        message = f"`{link.name}` is searched by W&B, and what a sweep is after is trained on this machine"
        yield message, f"write `engine: {{kind: optuna}}` in the spec of `{link.name}`"
    if total_of(spec) is not None and account_of(link) != account_of(spec):
        message = f"`budget.total` covers `{link.name}` too, which counts in {account_of(link)}, not {account_of(spec)}"
        yield message, f"write the same `account` in both, or leave the total of `{spec.name}` out"


def shared_totals(name: str, members: Sequence[tuple[SweepSpec, Sequence[str]]]) -> tuple[SharedTotal, ...]:
    """The totals that bound one sweep of a chain.

    Args:
        name: of the sweep.
        members: every sweep of the chain, with the names of all that it is after.
    """
    return tuple(
        SharedTotal(total, spec.name, tuple(each for each in (spec.name, *links) if each != name))
        for spec, links in members
        if (total := total_of(spec)) is not None and name in (spec.name, *links)
    )
