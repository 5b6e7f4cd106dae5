"""Claim B4 of *Tiny language models*: a committee of shallow encoders matches a deep one, at lower latency.

Non-inferiority by a margin that was fixed beforehand, at equal total pre-training FLOPs (docs/decisions/0017).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from tlm_sweeps.committees.combining import Rule
from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.studies.contrasts import SAME_FLOPS_WITHIN
from tlm_sweeps.studies.quantities import Quantity, first_reason, with_enough_seeds
from tlm_sweeps.studies.quantity_claims import Condition, QuantityClaim, QuantitySetting
from tlm_sweeps.studies.tiny_arms import MEMBER_SWEEPS, MEMBERS, PRETRAINING, TASKS, Task, deep, shallow
from tlm_sweeps.studies.tiny_committees import Seated, replicates_asked, unformed
from tlm_sweeps.studies.tiny_evidence import accuracies
from tlm_sweeps.studies.tiny_latency import (
    ARRANGEMENTS,
    DECIDING_BATCH,
    Arrangement,
    had_its_cores,
    relative_latency,
)

Sweeps = Mapping[str, SweepResults]
MARGIN = 0.02
"""Of accuracy: what the committee may lack and still match."""
_WHOLE = "times are of whole blocks, as the study's models compute; trimmed ones, as ours do, stand in the table beside"
_RULE: Rule = "mean logit"
_BESIDE: tuple[Rule, ...] = ("mean probability", "majority vote")

B4 = QuantityClaim(
    "B4",
    "a soft committee of shallow encoders matches a deep one of the same pre-training FLOPs, at lower latency",
    f"test accuracy of {MEMBERS} members by their mean logit less that of the deep encoder, by replicate; matched "
    f"where it is not lower by {MARGIN:g}",
    (*PRETRAINING, *(task.sweep for task in TASKS), *MEMBER_SWEEPS[1:]),
)


def settings_of_b4(sweeps: Sweeps, found: Sequence[Seated]) -> tuple[QuantitySetting, ...]:
    """Members side by side, and one after the other.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    deciding = tuple(lead(task, _RULE, sweeps, found) for task in TASKS)
    beside = tuple(lead(task, rule, sweeps, found) for rule in _BESIDE for task in TASKS)
    may_judge = not any(with_enough_seeds(each).missing for each in deciding)
    counted = found if may_judge else ()  # who looks at conditions after each replicate looks many times
    return tuple(
        QuantitySetting(
            arrangement,
            deciding,
            beside=beside,
            conditions=(_equal_flops(counted), *(_faster(task, arrangement, counted) for task in TASKS)),
            note=_WHOLE,
        )
        for arrangement in ARRANGEMENTS
    )


def lead(task: Task, rule: Rule, sweeps: Sweeps, found: Sequence[Seated]) -> Quantity:
    """Accuracy of a task's committees less that of the deep encoders, by replicate.

    Raises:
        InputError: when two runs of one seed answer to an arm.
    """
    missing = [accuracies(arm(task), sweeps).missing for arm in (deep, shallow)]
    waiting = unformed(task, sweeps, found)
    missing.append(f"no document is of the committee {waiting[0]}" if waiting else "")
    own = [each for each in found if each.seats.task == task]
    return Quantity(
        label=task.name,
        says=f"committee − deep, {rule}",
        values={each.seats.replicate: lead_of(each.document, rule) for each in own},
        margin=MARGIN,
        floor=max((1 / run.test.n for each in own for run in each.document.committee.runs), default=0.0),
        missing=first_reason(missing),
        n_asked=len(replicates_asked(task, sweeps)),
    )


def lead_of(document: CommitteeDocument, rule: Rule) -> float:
    """Test accuracy of a committee less that of the one run beside it."""
    (answer,) = (each for each in document.answers if each.rule == rule)
    return answer.test.accuracy - document.against[0].runs[0].test.accuracy


def relative_pretraining(document: CommitteeDocument) -> float | None:
    """Matmul FLOPs behind all members over those behind the run beside them; None where they are not known."""
    ours, theirs = (each.pretraining_flops.get("matmul") for each in (document.committee, document.against[0]))
    return ours / theirs if ours and theirs else None


def _equal_flops(found: Sequence[Seated]) -> Condition:
    ratios = [relative_pretraining(each.document) for each in found]
    known = [ratio for ratio in ratios if ratio is not None]
    if not known or len(known) < len(ratios):
        return Condition("what the pre-training of the members and of the deep encoder has cost", None)
    farthest = max(known, key=lambda ratio: max(ratio, 1 / ratio))
    is_equal = max(farthest, 1 / farthest) <= 1 + SAME_FLOPS_WITHIN
    return Condition(f"the members' pre-training has cost {farthest:.3g} times the deep encoder's", is_equal)


def _faster(task: Task, arrangement: Arrangement, found: Sequence[Seated]) -> Condition:
    own = [each.document for each in found if each.seats.task == task]
    disturbed = [each.latency for each in own if each.latency and not had_its_cores(each.latency, arrangement)]
    ratios = [relative_latency(each, arrangement, DECIDING_BATCH) for each in own]
    known = [ratio for ratio in ratios if ratio is not None]
    if disturbed:
        busy = [each.busy_cores for each in disturbed if each.busy_cores is not None]
        by = f"others kept {max(busy):.1f} of the cores busy" if busy else "nobody knows what others did"
        return Condition(f"{task.name} was timed while {by} (`--again-latency` times it anew), so its latency", None)
    if not known or len(known) < len(ratios):
        return Condition(f"how long a committee takes on {task.name}", None)
    mean = statistics.fmean(known)
    return Condition(f"{task.name}: {mean:.2g} times the deep encoder's time for one example", mean < 1)
