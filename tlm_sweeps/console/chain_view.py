"""The plan of a sweep and of all that it is after: what each will take, and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from tlm_sweeps.compute.forecast import Forecast
from tlm_sweeps.compute.planning import SweepPlan, seeds_of
from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.tables import Column, table
from tlm_sweeps.console.wording import about
from tlm_sweeps.spec.chaining import account_of, total_of
from tlm_sweeps.spec.loading import LoadedSweep
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_flops, format_seconds


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep of a chain, planned."""

    spec: SweepSpec
    plan: SweepPlan
    forecast: Forecast | None
    """None where nothing can be said of it as a whole."""
    origins: dict[str, bool]
    """The sweeps that its runs start from, and whether they are trained first by the same command."""
    note: str
    """A word about the number of workers."""


@dataclass(frozen=True)
class Together:
    """A chain as a whole, if nothing of it has been trained yet. An estimate."""

    sweeps: int
    runs: int
    train_flops: int | None
    """Shared runs once. None where the sweeps count in different accounts."""
    seconds: float
    """One sweep after the other."""


def together(planned: Sequence[PlannedSweep]) -> Together | None:
    """The sums over a chain; None where nothing can be said of one of its sweeps."""
    whole = [each.forecast for each in planned if each.forecast is not None]
    if len(whole) < len(planned):
        return None
    is_one_account = len({account_of(each.spec) for each in planned}) == 1
    flops = sum(each.train_flops for each in whole)
    return Together(
        sweeps=len(planned),
        runs=sum(each.runs for each in whole),
        train_flops=_at_most(flops, total_of(planned[-1].spec)) if is_one_account else None,
        seconds=sum(each.seconds for each in whole),
    )


def _at_most(flops: int, total: int | None) -> int:
    return flops if total is None else min(flops, total)


def seeds_line(loaded: LoadedSweep) -> list[str]:
    """Whose the seeds of `--set seeds=…` are: those of a chain's last sweep alone."""
    if "seeds" not in loaded.places.overrides or not loaded.links:
        return []
    others = ", ".join(f"{each.spec.name} {len(seeds_of(each.spec))}" for each in loaded.links)
    last = f"{loaded.places.overrides['seeds']} is for {loaded.spec.name} alone"
    return [f"{last}; seeds of those before it, by their own files: {others}"]


def seeds_kept_lines(asked: LoadedSweep, begun: LoadedSweep) -> list[str]:
    """Of which sweeps of a chain more seeds are there than are asked for."""
    pairs = zip((*asked.links, asked), (*begun.links, begun), strict=True)
    return [
        f"{new.spec.name} has {len(seeds_of(new.spec))} seeds by now, which is more than the "
        f"{len(seeds_of(old.spec))} asked for: it keeps them"
        for old, new in pairs
        if len(seeds_of(new.spec)) > len(seeds_of(old.spec))
    ]


def chain_view(planned: Sequence[PlannedSweep]) -> RenderableType:
    """A row for each sweep, in the order in which they are run, and what they take together."""
    lines = [f"{each.spec.name} starts from {_origins(each)}" for each in planned if each.origins]
    parts: list[RenderableType] = [Text(plain(line)) for line in lines]
    if len(planned) > 1:
        parts = [Text(), _table(planned), *parts, Text(plain(_sum_line(planned)))]
    return Group(*parts)


def _origins(planned: PlannedSweep) -> str:
    """`a and b, to be trained first; c, which must have been trained before`."""
    ways = {True: "to be trained first", False: "which must have been trained before"}
    named = {way: [name for name, is_first in planned.origins.items() if is_first is way] for way in ways}
    return "; ".join(f"{' and '.join(names)}, {ways[way]}" for way, names in named.items() if names)


def _table(planned: Sequence[PlannedSweep]) -> RenderableType:
    whole = [each.forecast for each in planned]
    columns = [
        Column("sweep", tuple(each.spec.name for each in planned), is_words=True),
        Column("runs", tuple(str(each.runs) if each else "?" for each in whole)),
        Column("FLOPs", tuple(format_flops(each.train_flops) if each else "?" for each in whole)),
        Column("time", tuple(format_seconds(each.seconds) if each else "?" for each in whole)),
    ]
    return table(columns, title="In this order")


def _verdict(planned: Sequence[PlannedSweep]) -> str:
    """Of the last sweep's total, which a forecast of that sweep alone does not go beyond."""
    total, whole = total_of(planned[-1].spec), [each.forecast for each in planned]
    if total is None or sum(each.train_flops if each else 0 for each in whole) > total:
        return "does not cover them all: raise it"
    return "covers them all"


def _sum_line(planned: Sequence[PlannedSweep]) -> str:
    whole, total = together(planned), total_of(planned[-1].spec)
    bound = f"; the total of {planned[-1].spec.name}, {format_flops(total)}, {_verdict(planned)}" if total else ""
    if whole is None:
        return "nothing can be said of them together" + bound
    flops = "" if whole.train_flops is None else f"{format_flops(whole.train_flops)}, "
    return f"together: {whole.runs} runs, {flops}{about(whole.seconds)}{bound}"
