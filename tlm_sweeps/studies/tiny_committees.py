"""The scaled second study's committees: which runs sit together, and which documents are of exactly those runs.

Replicate r sets the members of seeds 6r … 6r + 5 beside the deep encoder of seed r, so that no member sits twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tlm_sweeps.committees.document import CommitteeDocument, RunFigures
from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.studies.sides import measure
from tlm_sweeps.studies.tiny_arms import MEMBERS, TASKS, Task, deep, shallow
from tlm_sweeps.studies.wording import join

Sweeps = Mapping[str, SweepResults]
_Run = tuple[str, str, int, int | None]
"""Sweep, fingerprint, seed, and how many test examples it gets right: a run that was trained anew is another one."""


@dataclass(frozen=True)
class Seats:
    """Who sits in the committee of a replicate, and the deep encoder beside it. All of them are complete."""

    task: Task
    replicate: int
    members: tuple[Record, ...]
    deep: Record

    @property
    def key(self) -> str:
        """Names the document: `ag-news-0`."""
        return f"{self.task.name}-{self.replicate}"


@dataclass(frozen=True)
class Seated:
    """A committee with what is known of it."""

    seats: Seats
    document: CommitteeDocument


def seats(sweeps: Sweeps) -> tuple[Seats, ...]:
    """The committees that the complete runs make, task by task.

    Raises:
        InputError: two runs of one seed answer to an arm.
    """
    found = []
    for task in TASKS:
        members, deeps = (
            {record.seed: record for record in measure(arm(task), sweeps).records} for arm in (shallow, deep)
        )
        for replicate, record in deeps.items():
            wanted = [members.get(seed) for seed in _seeds(replicate)]
            there = tuple(each for each in wanted if each is not None)
            if len(there) == MEMBERS:
                found.append(Seats(task, replicate, there, record))
    return tuple(found)


def seated(documents: Iterable[CommitteeDocument], sweeps: Sweeps) -> tuple[Seated, ...]:
    """The documents that are of the study's committees; others, and those of runs made since, are left out.

    Raises:
        InputError: two documents are of one committee, with times of their own each; two runs of one seed answer to an
            arm.
    """
    by_runs: dict[object, list[CommitteeDocument]] = defaultdict(list)
    for document in documents:
        by_runs[_runs_of(document)].append(document)
    found = [(each, by_runs[_runs_in(each)]) for each in seats(sweeps)]
    return tuple(Seated(each, _only_one(each, there)) for each, there in found if there)


def replicates_asked(task: Task, sweeps: Sweeps) -> tuple[int, ...]:
    """Seeds of the deep encoder that are asked for; none where its sweep does not count."""
    return tuple(seeds_of(sweeps[task.sweep].spec)) if task.sweep in sweeps else ()


def unformed(task: Task, sweeps: Sweeps, found: Iterable[Seated]) -> tuple[str, ...]:
    """Committees that could be formed and are not: `ag-news-0`."""
    formed = {each.seats.key for each in found}
    return tuple(each.key for each in seats(sweeps) if each.task == task and each.key not in formed)


def _seeds(replicate: int) -> range:
    return range(MEMBERS * replicate, MEMBERS * (replicate + 1))


def _only_one(each: Seats, documents: Sequence[CommitteeDocument]) -> CommitteeDocument:
    if len(documents) > 1:
        made = join([document.created_at for document in documents])
        message = f"{len(documents)} documents are of the committee {each.key}, made at {made}"
        hint = "move all but one of them out of the folder `committees`: which times count is yours to say"
        raise InputError(message, place=each.key, hint=hint)
    return documents[0]


def _runs_in(each: Seats) -> tuple[frozenset[_Run], _Run]:
    return frozenset(_of(member) for member in each.members), _of(each.deep)


def _runs_of(document: CommitteeDocument) -> tuple[frozenset[_Run], _Run | None]:
    beside = [_told_of(run) for group in document.against for run in group.runs]
    return frozenset(_told_of(run) for run in document.committee.runs), beside[0] if len(beside) == 1 else None


def _of(record: Record) -> _Run:
    return record.sweep, record.fingerprint, record.seed, record.test_scores.n_correct if record.test_scores else None


def _told_of(run: RunFigures) -> _Run:
    return run.sweep, run.fingerprint, run.seed, run.test.n_correct
