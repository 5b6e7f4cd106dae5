"""What a total that several sweeps share has left for one of them, told from the ledgers of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.compute.planning import FactsOf, plan_sweep
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import Ledger, is_begun, reading
from tlm_sweeps.search.affording import cheapest_flops, least_flops
from tlm_sweeps.spec.chaining import SharedTotal, total_of
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.units import format_flops

_POOL = "pool_flops"


def pool_of(spec: SweepSpec, shared: Sequence[SharedTotal], runs: Path) -> int | None:
    """FLOPs that all runs of a sweep may spend together, those that it has spent included; None without a total.

    Args:
        spec: the sweep; its own total bounds it where nobody shares it.
        shared: the totals that cover it and others.
        runs: folder of all sweeps.
    """
    left = [each.flops - sum(used_flops(runs, name) for name in each.others) for each in shared]
    return min(left) if left else total_of(spec)


def kept_pool(pool_flops: int | None) -> dict[str, str]:
    """What a ledger keeps of a pool that is no total of the sweep's own, so that whoever looks on knows it."""
    return {_POOL: "" if pool_flops is None else str(pool_flops)}


def total_in(ledger: Ledger, spec: SweepSpec) -> int | None:
    """The pool that a sweep was last started with; None without one."""
    kept = ledger.meta(_POOL)
    return int(kept) if kept else total_of(spec)


def used_flops(runs: Path, name: str) -> int:
    """What a sweep has been charged and has reserved; 0 for one that has not begun."""
    if not is_begun(runs / name):
        return 0
    with reading(runs / name) as ledger:
        return ledger.spent_flops() + ledger.reserved_flops()


def ensure_pool(spec: SweepSpec, shared: Sequence[SharedTotal], runs: Path, facts_of: FactsOf) -> None:
    """Refuse to begin a sweep of a chain when the others have left too little for any trial of it.

    Raises:
        InputError: with the total that would do for its first trial.
    """
    pool = pool_of(spec, shared, runs)
    if pool is None or not shared or used_flops(runs, spec.name):
        return
    needed = cheapest_flops(spec, plan_sweep(spec, facts_of).feasible)
    if pool >= needed:
        return
    first = min(shared, key=lambda each: each.flops - sum(used_flops(runs, name) for name in each.others))
    spent = sum(used_flops(runs, name) for name in first.others)
    raise InputError(
        f"of the total of `{first.sweep}`, {format_flops(first.flops)}, others have {format_flops(spent)}, and the "
        f"first trial of `{spec.name}` needs {format_flops(needed)} with all its seeds",
        place="budget.total",
        hint=f"raise `budget.total` of `{first.sweep}` to {spent + needed} or more",
    )


def ensure_total(spec: SweepSpec, before: Sequence[SweepSpec], facts_of: FactsOf) -> None:
    """Refuse a chain whose total would end before the chain does, as far as that is known before it begins.

    Args:
        spec: the sweep at its end, whose total covers all of it.
        before: all that it is after.
        facts_of: reads a corpus's facts.

    Raises:
        InputError: with what each sweep needs, and the total that would do.
    """
    total = total_of(spec)
    if total is None or not before:
        return
    needed = {each.name: least_flops(each, facts_of) for each in (*before, spec)}
    if sum(needed.values()) <= total:
        return
    listed = ", ".join(f"{name} {format_flops(flops)}" for name, flops in needed.items())
    raise InputError(
        f"the total of `{spec.name}`, {format_flops(total)}, does not cover it and all that it is after: {listed}",
        place="budget.total",
        hint=f"raise `budget.total` of `{spec.name}` to {sum(needed.values())} or more, or give them fewer runs",
    )
