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
from collections.abc import Iterator
from contextlib import contextmanager
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
    Pause,
    Prune,
    TrainOrder,
)
from tlm_sweeps.spec.fingerprint import fingerprint
from tlm_sweeps.tracking.tracker import TrackedRun, Tracker, open_tracker
from tlm_sweeps.training.checkpoint import DamagedCheckpoint, SavedCheckpoint, load, save, save_model
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import Diverged, Outcome, finish, train
from tlm_sweeps.training.state import RunState, start

CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints: what a killed run loses at most."""
_ADVANCED_SECONDS = 0.25


class Paused(Exception):  # noqa: N818 - not an error: the run is put down
    """The coordinator asked for a pause, and the checkpoint is on disk."""


class Pruned(Exception):  # noqa: N818 - not an error either
    """The verdict on the last measurement: stop for good."""


class Worker:
    """One end of the conversation, with the corpora it has opened."""

    def __init__(self, connection: Connection, data_dir: Path | None) -> None:
        self._connection = connection
        self._data_dir = data_dir
        self._corpora: dict[str, Corpus] = {}

    def work(self) -> None:
        """Train what is ordered until the coordinator hangs up."""
        while True:
            match ORDERS.validate_json(self._connection.recv_bytes()):
                case TrainOrder() as order:
                    self._send(self._trained(order))
                case GoOn() | Prune() | Pause():
                    continue  # came when the run it was meant for had ended

    def _trained(self, order: TrainOrder) -> Ended:
        """Train a run to whatever end it comes."""
        folder = Path(order.folder)
        ended = Ended(run_id=order.run_id, lease=order.lease, state="failed")
        try:
            return ended.model_copy(update=self._train(order, folder))
        except Diverged as error:
            return ended.model_copy(update={"reason": f"diverged: {error}"})
        except (EOFError, BrokenPipeError):
            raise  # the coordinator is gone
        except MemoryError:
            return ended.model_copy(update={"reason": "out of memory"})
        except Exception as error:  # noqa: BLE001 - whatever a run dies of is its record, and the sweep goes on
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            return ended.model_copy(update={"reason": _reason(error)})

    def _train(self, order: TrainOrder, folder: Path) -> dict[str, object]:
        folder.mkdir(parents=True, exist_ok=True)
        job = TrainingJob(
            experiment=order.experiment,
            seed=order.seed,
            steps=Steps(order.experiment.training.batch_size, order.windows_per_epoch, order.steps),
        )
        state = _taken_up(job, self._corpus(order), folder, order)
        with _tracked(order, folder, state) as tracker:
            try:
                self._follow(order, state, folder, tracker)
            except Paused:
                tracker.mark_preempting()
                tracker.finish({}, "waiting")
                return {"state": "paused"}
            except Pruned:
                results = _stopped(state)
                tracker.finish(results | {"train_flops": state.train_flops}, "pruned")
                reason = "stopped by the pruner"
                return {"state": "pruned", "results": results, "train_flops": state.train_flops, "reason": reason}
            outcome = finish(state)
            save_model(state, folder)
            tracker.finish(_results(outcome) | {"train_flops": outcome.train_flops}, "complete")
        return {"state": "complete", "results": _results(outcome), "train_flops": outcome.train_flops}

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
                spent = event.train_flops[order.account]
                self._send(Advanced(run_id=order.run_id, lease=order.lease, step=event.step, spent=spent))
                self._obey(order, state, folder, wait=False)
            if now - kept > CHECKPOINT_SECONDS:
                kept = now
                self._checkpoint(order, state, folder)

    def _obey(self, order: TrainOrder, state: RunState, folder: Path, *, wait: bool) -> None:
        if not wait and not self._connection.poll():
            return
        match ORDERS.validate_json(self._connection.recv_bytes()):
            case GoOn():
                return
            case Prune():
                raise Pruned
            case Pause():
                self._checkpoint(order, state, folder)
                raise Paused
            case TrainOrder() as other:
                raise RuntimeError(f"ordered to train {other.run_id} while training {order.run_id}")
            case never:
                assert_never(never)

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

    def _send(self, message: Advanced | Measured | Checkpointed | Ended) -> None:
        self._connection.send_bytes(message.model_dump_json().encode())


@contextmanager
def _tracked(order: TrainOrder, folder: Path, state: RunState) -> Iterator[Tracker]:
    tracker = open_tracker(
        order.tracking,
        TrackedRun(
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
            job_type="train",
            resumed_from_step=state.step or None,
            folder=folder,
            provenance=order.provenance,
        ),
    )
    try:
        yield tracker
    except BaseException:
        tracker.finish({}, "failed")
        raise


def _taken_up(job: TrainingJob, corpus: Corpus, folder: Path, order: TrainOrder) -> RunState:
    """The run at its newest whole checkpoint that the ledger knows, or at its beginning."""
    for step, name, sha256 in order.checkpoints:
        try:
            return load(job, corpus, folder, SavedCheckpoint(name, sha256, step))
        except DamagedCheckpoint as error:
            print(f"{order.run_id}: {error}", file=sys.stderr)
    return start(job, corpus)


def _results(outcome: Outcome) -> dict[str, float | int | None]:
    """The measured fields of a record."""
    return {name: value for name, value in vars(outcome).items() if name not in ("train_flops", "stopped_early")}


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


def _reason(error: Exception) -> str:
    if "not enough memory" in str(error) or "out of memory" in str(error):
        return "out of memory"
    first = str(error).splitlines()[0] if str(error) else ""
    return f"crashed: {type(error).__name__}: {first}"[:500]


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
