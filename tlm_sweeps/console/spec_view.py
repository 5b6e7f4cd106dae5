"""What there is to say of a spec that is in order. Pure."""

from __future__ import annotations

from rich.text import Text

from tlm_sweeps.compute.planning import budgets, seeds_of, space_size, trials_wanted
from tlm_sweeps.console.wording import counted
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_flops


def checked_line(spec: SweepSpec) -> Text:
    """Name, size and budget of a valid and feasible spec."""
    return Text.assemble((spec.name, "bold"), f": {_size(spec)}, {_budget(spec)}, {_seeds(spec)}: valid and feasible")


def _size(spec: SweepSpec) -> str:
    if not spec.search and not spec.baselines:
        return "one experiment"
    size, wanted = space_size(spec), trials_wanted(spec)
    space = "infinitely many settings" if size is None else counted(size, "setting")
    baselines = f" and {counted(len(spec.baselines), 'baseline')}" if spec.baselines else ""
    tried = f", {counted(wanted, 'trial')} in all" if wanted is not None else ""
    return f"{space}{baselines}{tried}"


def _budget(spec: SweepSpec) -> str:
    if spec.budget is None:
        return "no budget"
    each = " and ".join(format_flops(flops) for flops in budgets(spec) if flops is not None)
    total = f", {format_flops(spec.budget.total)} in all" if spec.budget.total else ""
    return f"{each} a run ({spec.budget.account}){total}"


def _seeds(spec: SweepSpec) -> str:
    return counted(len(seeds_of(spec)), "seed")
