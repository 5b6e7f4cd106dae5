"""What a total that several sweeps share has left for one of them, told from the ledgers of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.ledger import Ledger, is_begun, reading
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


def ensure_pool(spec: SweepSpec, shared: Sequence[SharedTotal], runs: Path) -> None:
    """Refuse a sweep that has nothing to spend because those before it have spent the total.

    Raises:
        InputError: with the total that would do for its first run.
    """
    pool, used = pool_of(spec, shared, runs), used_flops(runs, spec.name)
    if pool is None or pool > 0 or used:
        return
    first = min(shared, key=lambda each: each.flops - sum(used_flops(runs, name) for name in each.others))
    spent = sum(used_flops(runs, name) for name in first.others)
    message = f"the total of `{first.sweep}`, {format_flops(first.flops)}, is spent: {format_flops(spent)} by others"
    raise InputError(message, place="budget.total", hint=f"raise `budget.total` of `{first.sweep}` above {spent:,}")
