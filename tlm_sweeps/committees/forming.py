"""From names of runs to the whole document of a committee: gathered, combined, compared, timed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tlm_sweeps.committees.beside import equal_flops, versus
from tlm_sweeps.committees.costs import pretraining_of_size
from tlm_sweeps.committees.curve import MOST_SUBSETS, SizePoint, size_curve
from tlm_sweeps.committees.document import CommitteeDocument, CurvePoint, Latency, TaskFigures
from tlm_sweeps.committees.figuring import answers, group
from tlm_sweeps.committees.members import Gathered, ensure_comparable, gather
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.provenance import capture
from tlm_sweeps.spec.sweep import Account


@dataclass(frozen=True)
class Asked:
    """What is to be told of a committee."""

    members: tuple[str, ...]
    """Names as in `members.gather`."""
    against: tuple[str, ...] = ()
    """Names of other models, each a group of its own: its runs are seeds, which answer one by one."""
    sizes: tuple[int, ...] = ()
    """Of smaller committees; every one up to the whole where none is named."""
    most_subsets: int = MOST_SUBSETS
    """Committees of a size that are looked at."""
    is_mixed: bool = False
    """Whether members of different settings may sit together."""
    rounds: int = 30
    """Of timing; 0 measures no latency."""
    account: Account = "matmul"
    """In which totals of pre-training are equal."""
    command: tuple[str, ...] = ()
    """What to type to make the document again."""


def form(asked: Asked, runs: Path) -> CommitteeDocument:
    """Tell everything of a committee.

    Args:
        asked: who sits in it, and what it stands beside.
        runs: folder of all sweeps.

    Raises:
        InputError: a run is not there, not complete or damaged, or runs do not belong together; a size is too large.
        RunError: a process that was timed died.
    """
    committee = gather(asked.members, runs, is_mixed=asked.is_mixed)
    against = tuple(gather([name], runs) for name in asked.against)
    for each in against:
        ensure_comparable(committee.members[0], each.members[0])
    sizes = _sizes(asked, len(committee.members))
    points = size_curve(committee.valid, committee.test, sizes, most=asked.most_subsets)
    return CommitteeDocument(
        command=shlex.join(asked.command),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by=capture(asked.command),
        task=_task(committee),
        committee=group(committee),
        against=tuple(group(each) for each in against),
        answers=answers(committee),
        curve=tuple(_curve_point(point, committee) for point in points),
        versus=versus(points, against),
        equal_flops=equal_flops(committee, points, against, asked.account),
        latency=_latency(committee, against, asked.rounds),
    )


def _sizes(asked: Asked, n_members: int) -> list[int]:
    for size in asked.sizes:
        if not 1 <= size <= n_members:
            there = f"there are {n_members} members" if n_members > 1 else "there is one member"
            raise InputError(
                f"no committee of {size}: {there}", place="--sizes", hint=f"name sizes from 1 to {n_members}"
            )
    return sorted(set(asked.sizes)) or list(range(1, n_members + 1))


def _task(committee: Gathered) -> TaskFigures:
    first = committee.members[0]
    return TaskFigures(
        name=first.task.name,
        labels=first.task.labels,
        n_valid=len(first.valid.labels),
        n_test=len(first.test.labels),
        fingerprint=first.task.fingerprint,
    )


def _curve_point(point: SizePoint, committee: Gathered) -> CurvePoint:
    return CurvePoint(
        rule=point.rule,
        size=point.size,
        committees=point.committees.chosen,
        n_possible=point.committees.n_possible,
        pretraining_flops=pretraining_of_size(point.committees, committee.members),
        valid_accuracy=point.valid_accuracy,
        valid_nll=point.valid_nll,
        test_accuracy=point.test_accuracy,
        test_accuracies=point.test_accuracies,
        test_spread=point.test_spread,
        test_nll=point.test_nll,
    )


def _latency(committee: Gathered, against: Sequence[Gathered], rounds: int) -> Latency | None:
    if rounds == 0:
        return None
    from tlm_sweeps.committees.latency import measured_latency  # brings torch

    return measured_latency(committee, against, rounds=rounds)
