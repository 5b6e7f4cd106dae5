"""One run in a worker: its folder, its tracker, and what the coordinator is told of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch

from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.redaction import redacted
from tlm_sweeps.runs import file_sums
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.runs.safe_folders import ensure_no_links
from tlm_sweeps.runs.unwritable import refusal
from tlm_sweeps.search.messages import (
    Advanced,
    Checkpointed,
    Complained,
    Ended,
    Measured,
    Message,
    TakenUp,
    Told,
    TrainOrder,
)
from tlm_sweeps.search.peak_memory import peak_bytes
from tlm_sweeps.tracking.tracker import TrackedRun, Tracker, open_tracker
from tlm_sweeps.training.checkpoint import SavedCheckpoint, load_newest_whole, save, save_model
from tlm_sweeps.training.files import write_whole
from tlm_sweeps.training.first_weights import UnusableWeights, begin_with
from tlm_sweeps.training.job import FirstWeights, Text, TrainingJob
from tlm_sweeps.training.loop import Diverged, finish
from tlm_sweeps.training.predictions import save_predictions
from tlm_sweeps.training.state import RunState, start

_NOT_RESULTS = ("train_flops", "stopped_early", "predictions")
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""As torch says it on Linux, on other systems, and of a GPU."""


class KeptRun:
    """A run from its order to its end. The coordinator hears of everything before the tracker does."""

    def __init__(self, order: TrainOrder, send: Callable[[Message], None], stacked: int = 1) -> None:
        self.order = order
        self._stacked = stacked
        self.has_ended = False
        self._send = send
        self._folder = Path(order.folder)
        self._state: RunState | None = None
        self._tracker: Tracker | None = None
        self._last_words: Callable[[Tracker], None] | None = None
        self._has_complained = False

    @property
    def state(self) -> RunState:
        """What is trained; there once it is taken up."""
        assert self._state is not None  # `take_up` comes first
        return self._state

    @property
    def _names(self) -> dict[str, Any]:
        return {"run_id": self.order.run_id, "lease": self.order.lease}

    def take_up(self, corpus: Text) -> None:
        """Begin, or go on from the newest checkpoint that is whole."""
        order, device = self.order, torch.device(self.order.device)
        self._folder.mkdir(parents=True, exist_ok=True)
        ensure_no_links(self._folder)
        job = job_of(order)
        saved = [SavedCheckpoint(name, sha256, step) for step, name, sha256 in order.checkpoints]
        loaded = load_newest_whole(job, corpus, self._folder, saved, device)
        self._state = loaded or _begun(job, corpus, device)
        self._send(TakenUp(**self._names, step=self._state.step))
        _keep_measurements(self._metrics, self._state.measurements)

    def track(self) -> None:
        """Open the tracker, which what follows is told to as well."""
        self._tracker = open_tracker(self.order.tracking, _tracked(self.order, self._folder, self.state))
        if (
            self.order.tracking.wandb == "online"
        ):  # what an earlier session could not tell; the server skips what it has
            for each in self.state.measurements:
                self._tracker.log(each)

    def advanced(self) -> None:
        """Say how far it is."""
        self._send(Advanced(**self._names, step=self.state.step))
        self._complain()

    def measured(self, event: Measurement) -> None:
        """Keep an evaluation and pass it on."""
        with self._metrics.open("a", encoding="utf-8") as file:
            file.write(event.model_dump_json() + "\n")
        if self._tracker is not None:
            self._tracker.log(event)
        self._send(Measured(**self._names, share=event.step / self.order.steps, measurement=event))

    def checkpoint(self) -> None:
        """Put it on disk and say so."""
        saved = save(self.state, self._folder)
        self._send(Checkpointed(**self._names, step=saved.step, name=saved.name, sha256=saved.sha256))

    def pause(self) -> None:
        """Checkpoint it and put it down."""
        self.checkpoint()
        self._end("paused", {})

    @property
    def is_stop_asked(self) -> bool:
        """Whether somebody who follows it elsewhere does not want it any more."""
        return not self.has_ended and self._tracker is not None and self._tracker.is_stop_asked

    def prune(self, reason: str) -> None:
        """It is over, wherever it is: what it spent is charged, and test is not looked at."""
        state, best = self.state, self.state.best
        results = {
            "steps": state.step,
            "epochs": state.job.steps.epochs_after(state.step),
            "positions": state.positions,
            "targets": state.targets,
            "train_nll": state.measurements[-1].train_nll if state.measurements else None,
            "val_nll": best.val_nll if best else None,
            "best_step": best.step if best else None,
            "wall_seconds": state.wall_seconds,
        }
        self._end("pruned", results, state.train_flops, reason)

    def complete(self) -> None:
        """It has come to its end: score test, keep the model and what it says of each example."""
        outcome = finish(self.state)
        told = () if outcome.predictions is None else (save_predictions(outcome.predictions, self._folder),)
        files = save_model(self.state, self._folder)
        write_whole(self._folder / file_sums.FILE, file_sums.sums_of((*files, *told)))
        if self._tracker is not None and self.order.tracking.artifacts == "model":
            self._tracker.log_model(files)
        results = {name: value for name, value in vars(outcome).items() if name not in _NOT_RESULTS}
        self._end("complete", results, outcome.train_flops)

    def fail(self, error: Exception) -> None:
        """Whatever it died of is its record, and the sweep goes on; but it is put down where the disk takes nothing."""
        if why := refusal(error):
            if self._state is not None:
                self._send(Advanced(**self._names, step=self._state.step))  # what will be trained again
            self._end("paused", {}, reason=why)
            return
        spent = self._state.train_flops if self._state is not None else {}
        self._end("failed", {}, spent, _reason(error, self._folder))

    @property
    def _metrics(self) -> Path:
        return self._folder / "metrics.jsonl"

    def _end(
        self,
        state: Literal["complete", "pruned", "failed", "paused"],
        results: dict[str, Any],
        train_flops: dict[str, int] | None = None,
        reason: str = "",
    ) -> None:
        self.has_ended = True
        measured = {**results, "peak_memory_bytes": peak_bytes(), "stacked": self._stacked}
        ended = Ended(**self._names, state=state, results=measured, train_flops=train_flops or {}, reason=reason)
        self._send(ended)
        if state == "paused":
            self._last_words = lambda tracker: tracker.mark_preempted()
        else:
            results = ended.model_dump(mode="json")["results"]
            told = {**results, "train_flops": ended.train_flops, "reason": reason}
            self._last_words = lambda tracker: tracker.finish(told, state)

    def tell_end(self) -> None:
        """End the tracker, which may take seconds: no run of the stack may be waiting for a step or a checkpoint."""
        if self.order.tracking.wandb == "off" or self._last_words is None:
            return
        if self._tracker is None:
            unopened = "W&B: the run ended before it was opened there"
            self._send(Complained(**self._names, complaint=unopened))
        else:
            self._last_words(self._tracker)
            self._complain()
        self._send(Told(**self._names))

    def _complain(self) -> None:
        if self._tracker is not None and self._tracker.complaint and not self._has_complained:
            self._has_complained = True
            self._send(Complained(**self._names, complaint=self._tracker.complaint))


def job_of(order: TrainOrder) -> TrainingJob:
    """What the order asks of the training loop."""
    steps = Steps(order.experiment.training.batch_size, order.windows_per_epoch, order.steps)
    weights = (
        None if order.first_weights is None else FirstWeights(Path(order.first_weights[0]), order.first_weights[1])
    )
    return TrainingJob(experiment=order.experiment, seed=order.seed, steps=steps, first_weights=weights)


def _begun(job: TrainingJob, corpus: Text, device: torch.device) -> RunState:
    """A run before its first step, with the weights that it was given."""
    state = start(job, corpus, device)
    if job.first_weights is not None:
        begin_with(state, job.first_weights)
    return state


def _tracked(order: TrainOrder, folder: Path, state: RunState) -> TrackedRun:
    return TrackedRun(
        run_id=order.run_id,
        sweep=order.sweep,
        sweep_fingerprint=order.sweep_fingerprint,
        trial=order.trial,
        seed=order.seed,
        settings=order.settings,
        spec=order.experiment.model_dump(mode="json"),
        budget_flops=order.budget_flops,
        account=order.account,
        n_params=order.n_params,
        tags=order.tracking.tags,
        resumed_from_step=state.step or None,
        folder=folder,
        provenance=order.provenance,
        planned=order.planned,
        place=order.place,
    )


def _keep_measurements(metrics: Path, measurements: list[Measurement]) -> None:
    """What was measured after the checkpoint that a run resumes from will be measured again."""
    text = "".join(measurement.model_dump_json() + "\n" for measurement in measurements)
    if text or metrics.exists():
        metrics.write_text(text, encoding="utf-8")


def _reason(error: Exception, folder: Path) -> str:
    """Why a run failed, in a line; the whole story goes to `error.txt` when it is not a plain divergence."""
    if isinstance(error, Diverged | UnusableWeights):
        return error.problems[0].message
    with suppress(OSError):  # a full disk must not hide what happened
        story = redacted("".join(traceback.format_exception(error)))
        (folder / "error.txt").write_text(story, encoding="utf-8")
    if isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY):
        return "out of memory"
    return redacted(f"crashed: {type(error).__name__}: {str(error).partition(chr(10))[0]}")[:500]
