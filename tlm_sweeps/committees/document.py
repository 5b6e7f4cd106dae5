"""A committee as one document: who sits in it, how well and how fast it answers, what it cost. It needs no run's files.

FLOPs are counts, by account where they are of training; times are seconds; NLLs are nats per example.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tlm_sweeps.committees.combining import Rule
from tlm_sweeps.runs.record import LabelScores, Provenance, StartedFrom

Arranged = Literal["in sequence", "side by side", "alone"]
"""`in sequence`: one member after the other in one process, on one thread; `side by side`: a process for each member as
far as there are cores, of one thread each; `alone`: the first run of another group, on one thread, and once more on as
many threads as there are cores, which is what members side by side have too: `n_threads` tells these apart."""

Blocks = Literal["whole", "trimmed"]
"""`whole`: the last block computes every place, as BERT does elsewhere and the study's models did; `trimmed`: only the
place that the head reads, as ours are trained. A model of one block is spared nearly everything by it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskFigures(_Frozen):
    """What all runs of the document were judged on."""

    name: str
    labels: tuple[str, ...]
    n_valid: int
    n_test: int
    fingerprint: str
    """Of the labelled set as drawn."""


class RunFigures(_Frozen):
    """One fine-tuned run by itself."""

    run_id: str
    sweep: str
    trial: int
    seed: int
    fingerprint: str
    """Of the resolved experiment."""
    settings: dict[str, Any]
    baseline: str | None
    n_params: int
    forward_flops: int
    """Matrix-multiply FLOPs of one prediction."""
    finetuning_flops: dict[str, int]
    """Its own training, in the three accounts."""
    started_from: StartedFrom | None
    """The pre-training behind it, with its FLOPs; None for random weights."""
    valid_accuracy: float
    valid_nll: float
    test: LabelScores
    test_nll: float
    provenance: Provenance


class Group(_Frozen):
    """Runs that stand together: the members of the committee, or the seeds of one model beside it."""

    name: str
    """As it was asked for, or how many of which sweeps."""
    runs: tuple[RunFigures, ...]
    left_out: dict[str, str]
    """Runs of the same trial that are not complete, with their states."""
    n_params: int
    """Of all runs together."""
    forward_flops: int
    """Of one prediction by all of them, their last blocks trimmed."""
    whole_forward_flops: int | None = None
    """The same with whole blocks; None in documents of older versions."""
    finetuning_flops: dict[str, int]
    pretraining_flops: dict[str, int]
    """Behind all of them, each pre-training once."""


class Answer(_Frozen):
    """All members together, by one rule."""

    rule: Rule
    valid_accuracy: float
    valid_nll: float
    test: LabelScores
    test_nll: float


class CurvePoint(_Frozen):
    """Committees of one size, by one rule: means over those that were looked at."""

    rule: Rule
    size: int
    committees: tuple[tuple[int, ...], ...]
    """That were looked at: numbers of `committee.runs`, from 0."""
    n_possible: int
    """Committees of this size that there are."""
    pretraining_flops: dict[str, float]
    """Behind one committee, mean."""
    valid_accuracy: float
    valid_nll: float
    test_accuracy: float
    test_accuracies: tuple[float, ...]
    """Of each committee, in their order."""
    test_spread: float | None
    """Standard deviation over committees, which share members: no standard error. None of a single one."""
    test_nll: float


class Versus(_Frozen):
    """Committees of one size against another group's runs, on the same test examples."""

    rule: Rule
    size: int
    other: str
    """The group's name; its accuracy is the mean of its runs."""
    difference: float
    """Mean accuracy of the committees less the group's."""
    interval: tuple[float, float]
    """95 %, paired over examples; other members and seeds are not in it."""
    p: float | None
    """Exact McNemar test; only of one committee against one run."""
    n_first_only: int | None
    """Test examples that only the committee gets right; likewise."""
    n_second_only: int | None


class Side(_Frozen):
    """What one side puts up at a total of FLOPs: the best by validation NLL of all that it could pay for."""

    name: str
    pretraining_flops: float
    valid_nll: float
    valid_accuracy: float
    test_accuracy: float


class EqualFlops(_Frozen):
    """The best committee and the best single model whose pre-training costs at most a total."""

    account: str
    total_flops: float
    committee: Side | None
    """None where the total pays for none."""
    single: Side | None
    difference: float | None
    """Test accuracy of the committee less the single model's."""
    interval: tuple[float, float] | None
    """95 %, paired over examples."""


class Timing(_Frozen):
    """Wall time of one call that answers a batch, medians and quartiles over rounds."""

    name: str
    """Of the group."""
    arrangement: Arranged
    n_models: int
    n_processes: int
    n_threads: int
    """Of each process."""
    blocks: Blocks = "trimmed"
    """Older versions timed these alone."""
    batch_size: int
    median_seconds: float
    quartiles_seconds: tuple[float, float]
    median_cpu_seconds: float
    """CPU time on the longest path: of the slowest process, and of whoever asks. Where `n_threads` is more than 1, of
    one thread. A busy machine hardly stretches it."""
    n_rounds: int


class Latency(_Frozen):
    """Timings that were taken in turn, in the same rounds, so that a busy machine is busy for all of them."""

    device: str
    cores: int
    """That this process may use."""
    context: int
    """Positions of an example, padding included."""
    load_average: float | None
    """Processes that wanted a core in the minute before; None where the system does not tell. Where they leave too few
    cores, times are too long, most of all those of several processes."""
    busy_cores: float | None = None
    """Cores that others kept busy, the larger of half a second before and one after; None where nobody knows."""
    timings: tuple[Timing, ...]


class CommitteeDocument(_Frozen):
    """Everything that is said of a committee."""

    format: Literal[1] = 1
    command: str
    created_at: str
    """UTC, ISO 8601."""
    made_by: Provenance
    """Of this document; that of each run is with the run."""
    task: TaskFigures
    committee: Group
    against: tuple[Group, ...]
    answers: tuple[Answer, ...]
    """Of the whole committee, a rule each."""
    curve: tuple[CurvePoint, ...]
    versus: tuple[Versus, ...]
    equal_flops: tuple[EqualFlops, ...]
    latency: Latency | None
    """None where it was not measured."""
