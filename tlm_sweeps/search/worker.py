"""A worker: a warm process with one thread that trains the runs it is given and says what it measured.

Started as `python -m tlm_sweeps.search.worker FD [DATA_DIR]` with one end of a connection. It lives until the other
end closes; it never opens the ledger. Interrupts are the coordinator's business: it is asked to pause.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import assert_never

import torch

from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.opening import Corpus, open_corpus
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.search.messages import (
    ORDERS,
    Advanced,
    Checkpointed,
    Ended,
    GoOn,
    Measured,
    Message,
    Pause,
    Prune,
    Ready,
    TakenUp,
    TrainOrder,
)
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.tracking.tracker import TrackedRun, Tracker, open_tracker
from tlm_sweeps.training.checkpoint import SavedCheckpoint, load_newest_whole, save, save_model
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import Diverged, finish, train
from tlm_sweeps.training.state import RunState, start

CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints: what a killed run loses at most."""
_ADVANCED_SECONDS = 0.25
_NOT_RESULTS = ("train_flops", "stopped_early")


class Paused(Exception):
    """The coordinator asked for a pause, and the checkpoint is on disk."""


class Pruned(Exception):
    """The verdict on the last measurement: stop for good."""


class Worker:
    """One end of the conversation, with the corpora it has opened."""

    def __init__(self, connection: Connection, data_dir: Path | None) -> None:
        self._connection = connection
        self._data_dir = data_dir
        self._corpora: dict[str, Corpus] = {}

    def work(self) -> None:
        """Train what is ordered until the coordinator hangs up."""
        self._send(Ready())
        while True:
            match ORDERS.validate_json(self._connection.recv_bytes()):
                case TrainOrder() as order:
                    self._run(order)
                case GoOn() | Prune() | Pause():
                    continue  # came when the run it was meant for had ended

    def _run(self, order: TrainOrder) -> None:
        """Train a run to whatever end it comes; the coordinator hears of it before the tracker does."""
        folder = Path(order.folder)
        state: RunState | None = None
        tracker: Tracker | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            job, corpus = _job(order), self._corpus(order)
            saved = [SavedCheckpoint(name, sha256, step) for step, name, sha256 in order.checkpoints]
            state = load_newest_whole(job, corpus, folder, saved) or start(job, corpus)
            self._send(TakenUp(run_id=order.run_id, lease=order.lease, step=state.step))
            tracker = open_tracker(order.tracking, _tracked(order, folder, state))
            ending = self._train(order, state, folder, tracker)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise  # the coordinator is gone
        except Exception as error:  # noqa: BLE001 - whatever a run dies of is its record, and the sweep goes on
            spent = state.train_flops if state else {}
            ending = {"state": "failed", "reason": _reason(error, folder), "train_flops": spent}
        ended = Ended.model_validate({"run_id": order.run_id, "lease": order.lease, **ending})
        self._send(ended)
        if tracker is not None:
            _tell(tracker, ended)

    def _train(self, order: TrainOrder, state: RunState, folder: Path, tracker: Tracker) -> dict[str, object]:
        """How the run ended, in the fields of `Ended`."""
        try:
            self._follow(order, state, folder, tracker)
        except Paused:
            return {"state": "paused"}
        except Pruned:
            spent, reason = state.train_flops, "stopped by the pruner"
            return {"state": "pruned", "results": _stopped(state), "train_flops": spent, "reason": reason}
        outcome = finish(state)
        save_model(state, folder)
        results = {name: value for name, value in vars(outcome).items() if name not in _NOT_RESULTS}
        return {"state": "complete", "results": results, "train_flops": outcome.train_flops}

    def _follow(self, order: TrainOrder, state: RunState, folder: Path, tracker: Tracker) -> None:
        """Drive the training generator: pass measurements on, checkpoint now and then, obey."""
        metrics = folder / "metrics.jsonl"
        _keep_measurements(metrics, state.measurements)
        said = kept = time.monotonic()
        for event in train(state):
            now = time.monotonic()
            if isinstance(event, Measurement):
                with metrics.open("a", encoding="utf-8") as file:
                    file.write(event.model_dump_json() + "\n")
                tracker.log(event)
                share = event.step / order.steps
                self._send(Measured(run_id=order.run_id, lease=order.lease, share=share, measurement=event))
                self._obey(order, state, folder, wait=order.judged)
            elif now - said > _ADVANCED_SECONDS:
                said = now
                self._send(Advanced(run_id=order.run_id, lease=order.lease, step=event.step))
                self._obey(order, state, folder, wait=False)
            if now - kept > CHECKPOINT_SECONDS:
                kept = now
                self._checkpoint(order, state, folder)

    def _obey(self, order: TrainOrder, state: RunState, folder: Path, *, wait: bool) -> None:
        """Do what the coordinator says, if it says anything; `wait` for its verdict on the last measurement."""
        must_pause = False
        while wait or self._connection.poll():
            match ORDERS.validate_json(self._connection.recv_bytes()):
                case GoOn():
                    wait = False
                case Prune():
                    raise Pruned
                case Pause():
                    must_pause = True  # once the verdict is known: it would not be asked for again
                case TrainOrder() as other:
                    raise RuntimeError(f"ordered to train {other.run_id} while training {order.run_id}")
                case never:
                    assert_never(never)
        if must_pause:
            self._checkpoint(order, state, folder)
            raise Paused

    def _checkpoint(self, order: TrainOrder, state: RunState, folder: Path) -> None:
        saved = save(state, folder)
        self._send(
            Checkpointed(
                run_id=order.run_id,
                lease=order.lease,
                step=saved.step,
                name=saved.name,
                sha256=saved.sha256,
            )
        )

    def _corpus(self, order: TrainOrder) -> Corpus:
        key = fingerprint(order.experiment.corpus)
        if key not in self._corpora:
            self._corpora[key] = open_corpus(order.experiment.corpus, self._data_dir)
        return self._corpora[key]

    def _send(self, message: Message) -> None:
        self._connection.send_bytes(message.model_dump_json().encode())


def _job(order: TrainOrder) -> TrainingJob:
    steps = Steps(order.experiment.training.batch_size, order.windows_per_epoch, order.steps)
    return TrainingJob(experiment=order.experiment, seed=order.seed, steps=steps)


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
    )


def _tell(tracker: Tracker, ended: Ended) -> None:
    if ended.state == "paused":
        tracker.mark_preempted()
    else:
        tracker.finish({**ended.results, "train_flops": ended.train_flops, "reason": ended.reason}, ended.state)


def _stopped(state: RunState) -> dict[str, float | int | None]:
    """The measured fields of a run that was stopped before its end; test is not looked at."""
    last = state.measurements[-1]
    return {
        "steps": state.step,
        "epochs": last.epochs,
        "train_nll": last.train_nll,
        "val_nll": state.best.val_nll if state.best else None,
        "best_step": state.best.step if state.best else None,
        "wall_seconds": state.wall_seconds,
    }


def _keep_measurements(metrics: Path, measurements: list[Measurement]) -> None:
    """What was measured after the checkpoint that a run resumes from will be measured again."""
    text = "".join(measurement.model_dump_json() + "\n" for measurement in measurements)
    if text or metrics.exists():
        metrics.write_text(text, encoding="utf-8")


def _reason(error: Exception, folder: Path) -> str:
    """Why a run failed, in a line; the whole story goes to `error.txt` when it is not a plain divergence."""
    if isinstance(error, Diverged):
        return error.problems[0].message
    with suppress(OSError):  # a full disk must not hide what happened
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    if isinstance(error, MemoryError) or "not enough memory" in str(error) or "out of memory" in str(error):
        return "out of memory"
    return f"crashed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"[:500]


def main() -> None:
    """Serve one coordinator."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    connection = Connection(int(sys.argv[1]))
    try:
        Worker(connection, Path(sys.argv[2]) if len(sys.argv) > 2 else None).work()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the coordinator is gone: nothing of ours is worth a clean-up


if __name__ == "__main__":
    main()
