"""Which runs form a committee: found by what they are called, and refused where they do not belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlm_sweeps.committees.curve import Examined
from tlm_sweeps.committees.predictions import Member, Predicted, ensure_tells_labels, read_member
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.naming import label_of
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.naming import records_named
from tlm_sweeps.runs.record import Record


@dataclass(frozen=True, eq=False)
class Gathered:
    """Runs that were asked for together, and those among them that cannot be used."""

    name: str
    """What they are called in tables."""
    members: tuple[Member, ...]
    left_out: dict[str, str]
    """Runs that are not complete, with their states."""

    @property
    def valid(self) -> Examined:
        """What all members say of the validation examples."""
        return _examined([member.valid for member in self.members])

    @property
    def test(self) -> Examined:
        """What all members say of the test examples."""
        return _examined([member.test for member in self.members])


def gather(names: Sequence[str], runs: Path, *, is_mixed: bool = False) -> Gathered:
    """The runs that names stand for, each once, in the order of names, trials and seeds.

    Args:
        names: `SWEEP`, `SWEEP/TRIAL` (a trial's number or a baseline's name) or `SWEEP/RUN`.
        runs: folder of all sweeps.
        is_mixed: whether runs of different settings may stand together.

    Raises:
        InputError: a name stands for nothing, no run of it is complete, a file is missing or damaged, or the runs do
            not belong together.
    """
    found: dict[tuple[str, str], Record] = {}
    for name in names:
        found |= {(record.sweep, record.run_id): record for record in records_named(name, runs)}
    unfinished = {
        f"{sweep}/{run_id}": each.state for (sweep, run_id), each in found.items() if each.state != "complete"
    }
    complete = [record for record in found.values() if record.state == "complete"]
    if not complete:
        states = ", ".join(f"{place} is {state}" for place, state in unfinished.items()) or "no runs"
        hint = "a committee needs at least one complete run: train them first"
        raise InputError(f"the committee is empty: {states}", place=" ".join(names) or "NAME", hint=hint)
    for record in complete:
        ensure_tells_labels(record)
    if not is_mixed:
        _ensure_one_setting(complete)
    members = tuple(read_member(record, sweep_folder(runs, record.sweep) / record.run_id) for record in complete)
    for member in members[1:]:
        ensure_comparable(members[0], member)
    return Gathered(_called(names), members, unfinished)


def ensure_comparable(first: Member, other: Member) -> None:
    """Refuse two runs that do not answer the same question of the same examples.

    Raises:
        InputError: tasks, labels or examples differ.
    """
    hint = f"compare it with runs whose `task` is that of {first.place}"
    if first.task.name != other.task.name or first.task.labels != other.task.labels:
        raise InputError(
            f"members have different labels: {_labels(first)} and {_labels(other)}", place=other.place, hint=hint
        )
    same = first.task.fingerprint == other.task.fingerprint and all(
        one.labels.tolist() == two.labels.tolist()
        for one, two in ((first.valid, other.valid), (first.test, other.test))
    )
    if not same:
        raise InputError(
            f"members were judged on different examples of {first.task.name}: the labelled set is "
            f"{first.task.fingerprint} of {first.place}, {other.task.fingerprint} of this run",
            place=other.place,
            hint=f"{hint}, in examples of each label, length, seed and vocabulary too",
        )


def _examined(parts: Sequence[Predicted]) -> Examined:
    return Examined(np.stack([part.logits for part in parts]), parts[0].labels)


def _ensure_one_setting(complete: Sequence[Record]) -> None:
    first = complete[0]
    other = next((record for record in complete if record.fingerprint != first.fingerprint), None)
    if other is None:
        return
    trials = {f"{record.sweep}/{record.trial}": label_of(record) for record in complete}
    known = ", ".join(f"`{name}` ({label})" for name, label in list(trials.items())[:6])
    raise InputError(
        f"members have different settings: {first.run_id} and {other.run_id}",
        place=f"{other.sweep}/{other.run_id}",
        hint=f"name one trial: {known}{' …' * (len(trials) > 6)}; or say --mixed",
    )


def _called(names: Sequence[str]) -> str:
    """One name as it is; of several, how many of which sweeps."""
    if len(names) == 1:
        return names[0]
    return f"{len(names)} of {', '.join(dict.fromkeys(name.partition('/')[0] for name in names))}"


def _labels(member: Member) -> str:
    labels = member.task.labels
    return f"{len(labels)} of {member.task.name} ({', '.join(labels[:3])}{', …' * (len(labels) > 3)})"
