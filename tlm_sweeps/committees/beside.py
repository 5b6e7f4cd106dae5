"""A committee beside other models: on the same test examples, and for the same total of pre-training FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from tlm_sweeps.committees.costs import pretraining_flops, pretraining_of_size
from tlm_sweeps.committees.curve import SizePoint, size_curve
from tlm_sweeps.committees.document import EqualFlops, Side, Versus
from tlm_sweeps.committees.equal_flops import Contender, contest
from tlm_sweeps.committees.members import Gathered
from tlm_sweeps.committees.scoring import difference
from tlm_sweeps.spec.sweep import Account


def versus(points: Sequence[SizePoint], against: Sequence[Gathered]) -> tuple[Versus, ...]:
    """Every point of the curve against every other group, whose runs answer one by one."""
    return tuple(
        Versus(
            rule=point.rule,
            size=point.size,
            other=other.name,
            **vars(difference(point.test_right, _alone(other).test_right)),
        )
        for other in against
        for point in points
    )


def equal_flops(
    committee: Gathered, points: Sequence[SizePoint], against: Sequence[Gathered], account: Account
) -> tuple[EqualFlops, ...]:
    """The question at the cost of each other group; none where no pre-training is behind the groups.

    Soft committees only: a majority vote has no NLL of its own that could choose it.
    """
    soft = [_committee(point, committee, account) for point in points if point.rule != "majority vote"]
    singles = [_single(other, account) for other in against]
    totals = sorted({single.pretraining_flops for single in singles if single.pretraining_flops > 0})
    return tuple(_row(soft, singles, total, account) for total in totals)


def _row(committees: Sequence[Contender], singles: Sequence[Contender], total: float, account: Account) -> EqualFlops:
    found = contest(committees, singles, total)
    return EqualFlops(
        account=account,
        total_flops=total,
        committee=_side(found.committee),
        single=_side(found.single),
        difference=found.difference and found.difference.difference,
        interval=found.difference and found.difference.interval,
    )


def _committee(point: SizePoint, committee: Gathered, account: Account) -> Contender:
    return Contender(
        name=f"{point.size} by {point.rule}",
        pretraining_flops=pretraining_of_size(point.committees, committee.members)[account],
        valid_nll=point.valid_nll,
        valid_accuracy=point.valid_accuracy,
        test_right=point.test_right,
    )


def _single(other: Gathered, account: Account) -> Contender:
    alone = _alone(other)
    return Contender(
        name=other.name,
        pretraining_flops=fmean(pretraining_flops([member.record])[account] for member in other.members),
        valid_nll=alone.valid_nll,
        valid_accuracy=alone.valid_accuracy,
        test_right=alone.test_right,
    )


def _alone(other: Gathered) -> SizePoint:
    """A group's runs one by one: committees of one, whatever the rule."""
    return size_curve(other.valid, other.test, [1], most=len(other.members))[0]


def _side(contender: Contender | None) -> Side | None:
    if contender is None:
        return None
    return Side(
        name=contender.name,
        pretraining_flops=contender.pretraining_flops,
        valid_nll=contender.valid_nll,
        valid_accuracy=contender.valid_accuracy,
        test_accuracy=contender.test_accuracy,
    )
