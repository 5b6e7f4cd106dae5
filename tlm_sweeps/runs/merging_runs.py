"""The same run of several ledgers: which of its trainings stands for it, and what all of them spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tlm_sweeps.runs.ledger_rows import Elsewhere, RunRows
from tlm_sweeps.runs.merging_places import Place
from tlm_sweeps.runs.record import Record

TOLERANCE = 0.01
"""By how much of itself an NLL may differ where results are not the same to the last bit: on another processor, with
another number of threads, another torch or other code."""


@dataclass(frozen=True)
class Training:
    """A run as one place has it."""

    place: Place
    run: RunRows

    @property
    def record(self) -> Record:
        """What is known of it there."""
        return self.run.record


def chosen(trainings: Sequence[Training], is_whole: Callable[[Training], bool]) -> Training:
    """The training that stands for the run: a complete one before all others, and of equal ones the first.

    Then one that was pruned on its own merits; one that waits or trains, the furthest; one that failed; one that was
    never begun. Of complete ones, one whose files are whole.

    Args:
        trainings: all there are of the run, in the order of their places.
        is_whole: whether a complete one's files are.
    """
    best = min(trainings, key=_rank)
    if best.record.state != "complete":
        return best
    complete = [each for each in trainings if each.record.state == "complete"]
    return next((each for each in complete if is_whole(each)), best) if len(complete) > 1 else best


def with_all_spending(kept: Training, trainings: Iterable[Training], lost: Iterable[Elsewhere]) -> RunRows:
    """The run of a training, charged for all others as well: what was spent is spent. A copy is charged once."""
    own = _moment(kept.record)
    spent: dict[tuple[str, str], int] = {}
    others = [each for each in trainings if each is not kept]
    told = [each for training in (kept, *others) for each in training.run.elsewhere]
    for each in (*map(_as_elsewhere, others), *told, *lost):
        key = (each.started_at, each.finished_at)
        if each.charged and key != own:
            spent[key] = max(spent.get(key, 0), each.charged)
    ended = {started for started, finished in (own, *spent) if finished or (started, finished) == own}
    elsewhere = tuple(
        Elsewhere(started, finished, charged)
        for (started, finished), charged in sorted(spent.items())
        if finished or started not in ended  # else it is what the other one was before it went on
    )
    charged = kept.run.own_charge + sum(each.charged for each in elsewhere)
    return replace(kept.run, charged=charged, elsewhere=elsewhere)


def is_another(training: Training, kept: Training) -> bool:
    """Whether a training is not the one that is kept, nor a copy of it."""
    return _moment(training.record) != _moment(kept.record)


def disagreement(kept: Record, other: Record) -> str | None:
    """How far two complete trainings of a run are apart, in words, where that is more than it should be."""
    for what, ours, theirs in (
        ("validation NLL", kept.val_nll, other.val_nll),
        ("test NLL", kept.test_nll, other.test_nll),
    ):
        if ours is None or theirs is None or ours == theirs:
            continue
        if _computed_alike(kept, other):
            return f"{what} {ours!r} and {theirs!r}, computed alike: they should be the same to the last bit"
        if abs(ours - theirs) > TOLERANCE * abs(ours):
            return f"{what} {ours:.4f} and {theirs:.4f}, more than {100 * TOLERANCE:.0f} % apart"
    return None


def _rank(training: Training) -> tuple[int, int]:
    record = training.record
    match record.state:
        case "complete":
            return 0, 0
        case "pruned" if record.started_at is not None:
            return 1, 0
        case "waiting" | "running":
            return 2, -training.run.step
        case "failed":
            return 3, 0
        case _:
            return 4, 0


def _as_elsewhere(training: Training) -> Elsewhere:
    started, finished = _moment(training.record)
    run = training.run
    spent = run.own_charge + (0 if finished else _unsettled(training))
    return Elsewhere(started, finished, spent)


def _unsettled(training: Training) -> int:
    """FLOPs that a run has spent without having been charged for them yet: at most, where nobody knows exactly."""
    run = training.run
    if not run.step and not run.measurements:
        return run.claimed
    if not run.measurements:
        return max(run.claimed, run.reserved)
    last, account = run.measurements[-1][1], training.record.account or "matmul"
    by_step = last.train_flops.get(account, 0) * max(1.0, run.step / max(1, last.step))
    return max(run.claimed, round(by_step))


def _moment(record: Record) -> tuple[str, str]:
    """What tells trainings of a run apart: when each began, and ended."""
    is_over = record.state not in ("waiting", "running")
    return record.started_at or "", (record.finished_at or "") if is_over else ""


def _computed_alike(kept: Record, other: Record) -> bool:
    """Whether two results must be the same to the last bit."""
    ours, theirs = kept.provenance, other.provenance
    same = [each.device.startswith("cpu") and not each.dirty and not each.earlier_commits for each in (ours, theirs)]
    facts = [
        (each.device, each.threads, each.commit, each.versions.get("torch"), each.versions.get("tlm_sweeps"))
        for each in (ours, theirs)
    ]
    return all(same) and facts[0] == facts[1] and kept.started_from == other.started_from
