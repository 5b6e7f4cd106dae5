"""A study's open questions as objects: what was run for each, and of which kind its answer is.

Contrasts of a question say "this side has the lower NLL than the reference" and are judged and corrected as those of a
claim are (`contrasts`), within each group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.spec.sweep import Account
from tlm_sweeps.studies.arms import Arm
from tlm_sweeps.studies.contrasts import Compared, Contrast, Verdict, compare_all
from tlm_sweeps.studies.sides import Measured, Side, arm_of, measure


@dataclass(frozen=True)
class Group:
    """Sides that are compared with one reference."""

    reference: Side
    others: tuple[Side, ...]
    title: str = ""
    """What sets the group apart from the question's others: `T = 128`."""


@dataclass(frozen=True)
class Comparisons:
    """Is answered by which sides are better than their reference."""

    groups: tuple[Group, ...]
    equal: Account | None = "matmul"
    """The account in which a side and its reference must have spent the same; None where they need not."""


@dataclass(frozen=True)
class Shape:
    """Is answered by the best shape at each budget, and by when a step of one dimension begins to pay."""

    sweep: str
    budgets: tuple[int, ...]
    """Rising, FLOPs of a run."""
    steps: Mapping[str, tuple[int, ...]]
    """Dotted names of the two dimensions, each with its values, rising."""
    equal: Account | None = "matmul"
    """The account in which two shapes at one budget must have spent the same; None where they need not."""


@dataclass(frozen=True)
class Overfitting:
    """Is answered by when validation NLL is lowest and how much it has risen at the end."""

    reference: Arm
    others: tuple[Arm, ...]
    equal: Account | None = "matmul"
    """The account in which the others must have spent the same as the reference; None where they need not."""


@dataclass(frozen=True)
class Question:
    """An open question and how it was asked."""

    number: int
    asks: str
    scope: str
    """What was run, and what of the question it leaves out."""
    kind: Comparisons | Shape | Overfitting

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Names of the sweeps that it rests on."""
        match self.kind:
            case Comparisons(groups):
                sides: list[Side] = [side for group in groups for side in (group.reference, *group.others)]
            case Shape(sweep):
                return (sweep,)
            case Overfitting(reference, others):
                sides = [reference, *others]
        return tuple(dict.fromkeys(arm_of(side).sweep for side in sides))


@dataclass(frozen=True)
class GroupAnswer:
    """What became of one group."""

    group: Group
    reference: Measured
    compared: tuple[Compared, ...]
    """The others, each as the first side of its contrast."""

    def labels(self, verdict: Verdict) -> list[str]:
        """What the others of one verdict are called."""
        return [each.first.label for each in self.compared if each.verdict == verdict]


def compare_groups(asked: Comparisons, sweeps: Mapping[str, SweepResults]) -> tuple[GroupAnswer, ...]:
    """Compare every side with its group's reference.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    return tuple(_compare(group, sweeps, asked.equal) for group in asked.groups)


def _compare(group: Group, sweeps: Mapping[str, SweepResults], equal: Account | None) -> GroupAnswer:
    contrasts = [Contrast(side, group.reference, group.title) for side in group.others]
    return GroupAnswer(group, measure(group.reference, sweeps), compare_all(contrasts, sweeps, equal))
