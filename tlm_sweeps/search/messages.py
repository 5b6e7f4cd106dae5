"""What the coordinator and its workers say to each other: plain JSON, so that a worker can be anywhere.

A worker gets orders and answers; it never opens the ledger. Everything it sends names its run and its lease.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tlm_sweeps.runs.record import LabelScores, Measurement
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.sweep import Account, TrackingSpec
from tlm_sweeps.tracking.tracked_run import WandbPlace


class Message(BaseModel):
    """A message: frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainOrder(Message):
    """Train a run, from its newest good checkpoint if there is one."""

    kind: Literal["train"] = "train"
    run_id: str
    lease: int
    sweep: str
    sweep_fingerprint: str
    trial: int
    seed: int
    experiment: ExperimentSpec
    steps: int
    """Optimizer steps of the whole run."""
    windows_per_epoch: int
    device: str = "cpu"
    """Where it computes, as torch names it."""
    threads: int = 1
    """Threads that compute the run; its record says the same number, which a resumed run keeps."""
    settings: dict[str, object]
    budget_flops: int | None
    account: Account
    n_params: int
    folder: str
    """The run's folder."""
    checkpoints: tuple[tuple[int, str, str], ...]
    """Acknowledged checkpoints, newest first: step, name, sha256."""
    first_weights: tuple[str, str] | None = None
    """File and sha256 of the weights that it begins with where it has no checkpoint; None: it draws them."""
    judged: bool
    """Whether the worker waits for a verdict after each measurement."""
    tracking: TrackingSpec
    place: WandbPlace | None = None
    """Where the run belongs when it is part of a W&B sweep."""
    provenance: dict[str, object]
    planned: dict[str, object] = {}
    """What else the run's record says of it before it is trained, for its tracker."""


class StackOrder(Message):
    """Train runs of one shape as one, all from the same step."""

    kind: Literal["stack"] = "stack"
    orders: tuple[TrainOrder, ...]


class ProbeOrder(Message):
    """Time a few steps of an experiment in each precision. Nothing is kept of them."""

    kind: Literal["probe"] = "probe"
    experiment: ExperimentSpec
    seed: int
    steps: int
    windows_per_epoch: int
    device: str = "cpu"
    threads: int = 1


class GoOn(Message):
    """The verdict on a run's last measurement: train on."""

    kind: Literal["go_on"] = "go_on"
    run_id: str


class Prune(Message):
    """The verdict on a run's last measurement: stop here for good."""

    kind: Literal["prune"] = "prune"
    run_id: str


class Stop(Message):
    """End a run here for good, as pruned, wherever it is; the others of its stack go on."""

    kind: Literal["stop"] = "stop"
    run_id: str
    reason: str
    """Who wanted it: what its record says."""


class Pause(Message):
    """Finish the step, checkpoint, and put the runs down."""

    kind: Literal["pause"] = "pause"


class Ready(Message):
    """The worker has started and waits for orders; said once."""

    kind: Literal["ready"] = "ready"
    pid: int
    """Of its process, where it is."""


class Beat(Message):
    """Nothing new; who says it lives."""

    kind: Literal["beat"] = "beat"
    cpu_seconds: float = 0.0
    """Processor time that a worker's training has used so far; 0 where that is not told."""


class TakenUp(Message):
    """A run begins, at a step: that of its newest whole checkpoint, or 0."""

    kind: Literal["taken_up"] = "taken_up"
    run_id: str
    lease: int
    step: int


class Advanced(Message):
    """How far a run is; sent a few times a second."""

    kind: Literal["advanced"] = "advanced"
    run_id: str
    lease: int
    step: int


class Measured(Message):
    """An evaluation."""

    kind: Literal["measured"] = "measured"
    run_id: str
    lease: int
    share: float
    """Share of the run's steps that are done."""
    measurement: Measurement


class Checkpointed(Message):
    """A checkpoint is on disk."""

    kind: Literal["checkpointed"] = "checkpointed"
    run_id: str
    lease: int
    step: int
    name: str
    sha256: str


class Ended(Message):
    """A run is over, with what it measured; or it is put down (`paused`), with a reason where nobody asked for that."""

    kind: Literal["ended"] = "ended"
    run_id: str
    lease: int
    state: Literal["complete", "pruned", "failed", "paused"]
    reason: str = ""
    results: dict[str, float | int | LabelScores | None] = {}
    """The record's measured fields."""
    train_flops: dict[str, int] = {}


class Complained(Message):
    """Something is wrong with what a run tells W&B; said once of a run. The run goes on."""

    kind: Literal["complained"] = "complained"
    run_id: str
    lease: int
    complaint: str


class Told(Message):
    """The tracker has been told of a run's end, or has given up: the worker is free. Said of tracked runs."""

    kind: Literal["told"] = "told"
    run_id: str
    lease: int


class Probed(Message):
    """What a probe found."""

    kind: Literal["probed"] = "probed"
    seconds: dict[Literal["fp32", "bf16"], float]
    """Of a step, by precision; empty where it failed."""
    reason: str = ""
    """Why it failed."""


AnyOrder = TrainOrder | StackOrder | ProbeOrder | GoOn | Prune | Stop | Pause
AnyReport = Ready | Beat | TakenUp | Advanced | Measured | Checkpointed | Ended | Complained | Told | Probed

ORDERS: TypeAdapter[AnyOrder] = TypeAdapter(Annotated[AnyOrder, Field(discriminator="kind")])
REPORTS: TypeAdapter[AnyReport] = TypeAdapter(Annotated[AnyReport, Field(discriminator="kind")])
