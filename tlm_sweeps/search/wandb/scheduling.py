"""A local Optuna study that drives a W&B sweep: `wandb sweep-scheduler`, with our search behind it.

The scheduler of W&B's client (0.31) imports a file beside which it is started. That file is written here, and imports
from here; the sweep's spec comes from the W&B sweep itself, so the file suits whatever sweep it is started for. W&B's
own loop (in wandb-core) polls, enqueues and ends the sweep; it needs a server that hands enqueued runs to agents.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.spec.carrying import CARRIER, carried_in
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.wandb_connecting import connected
from tlm_sweeps.tracking.wandb_paths import SweepPath

if TYPE_CHECKING:
    import optuna

SOURCE = "scheduler.py"
FACTS = "scheduler.json"
LOG = "scheduler.log"
_STEP_SECONDS = 15.0
"""What the scheduler gets to finish the step it is at, and then once more to leave."""
_TEXT = '''\
"""The search of a W&B sweep. `wandb sweep-scheduler` imports this file and must be started in its folder."""

from pathlib import Path

from tlm_sweeps.search.wandb import scheduling


def optimizer(sweep):
    path = scheduling.SweepPath(sweep.entity, sweep.project, sweep.id)
    return scheduling.optimizer_of(path, sweep.config, Path(__file__).resolve().parent)


def search_space(trial):
    return scheduling.arguments_of(trial)
'''


def scheduler_section(spec: SweepSpec, folder: Path, *, data_dir: Path | None = None) -> dict[str, str]:
    """Write what the scheduler imports, and say so in the words of a W&B sweep's configuration.

    Args:
        spec: what is searched.
        folder: of the sweep on this machine, in which the scheduler is started.
        data_dir: where named corpora are looked for first.

    Returns:
        The section `scheduler`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"sweep": spec.name, "data_dir": None if data_dir is None else str(data_dir.resolve())}
    (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (folder / SOURCE).write_text(_TEXT, encoding="utf-8")
    return {"engine": "optuna", "source": SOURCE, "optimizer": "optimizer", "search_space": "search_space"}


def server_has_scheduler() -> bool:
    """Whether W&B's server can be driven by a local scheduler.

    Raises:
        InputError: when nobody is logged in, or the server does not answer.
    """
    with connected() as api:
        return api._service_api.feature_enabled("SWEEPS_LOCAL_SCHEDULER")  # noqa: SLF001 - the client has no public question


def optimizer_of(
    path: SweepPath, config: Mapping[str, Any], folder: Path
) -> tuple[optuna.Study, Callable[[optuna.Study], bool]]:
    """The study that drives a W&B sweep, and what says that the sweep is over; to be called in the main thread.

    Raises:
        ValueError: see `study_of`.
    """
    from tlm_sweeps.search.wandb.feasible_sampler import FeasibleSampler
    from tlm_sweeps.search.wandb.remaining import Interrupts, wait_for_all

    interrupts = Interrupts()

    def is_over(study: optuna.Study) -> bool:
        """Asked before anything is proposed. The scheduler can wait for no run but those that it watches."""
        sampler = study.sampler
        if not isinstance(sampler, FeasibleSampler) or not sampler.is_exhausted(study):
            return False
        if wait_for_all(path, interrupts):
            return True
        if not sampler.has_running:
            raise RunError("interrupted while runs wait to be taken up again; the sweep is as it was")
        return False  # with runs to watch the scheduler leaves without finishing the sweep

    return study_of(path.sweep_id, config, folder), is_over


def study_of(sweep_id: str, config: Mapping[str, Any], folder: Path) -> optuna.Study:
    """The study that drives a W&B sweep, from now until this process ends.

    Args:
        sweep_id: W&B's.
        config: the W&B sweep's configuration, which carries the spec.
        folder: where `scheduler_section` wrote.

    Raises:
        ValueError: when the sweep is none of ours, its text is not here, or another process drives it from this
            folder. The scheduler prints it and leaves.
    """
    import optuna

    from tlm_sweeps.search.wandb.feasible_sampler import FeasibleSampler, ShareOfBudgetPruner
    from tlm_sweeps.search.wandb.working import ensure_same_texts

    try:
        carried = carried_in(config)
        facts_of = facts_reader(_data_dir(folder))
        ensure_same_texts(carried, facts_of)
        _hold(folder / f"scheduler-{sweep_id}.lock")
    except InputError as error:
        raise ValueError(str(error)) from error
    study = optuna.create_study(
        study_name=carried.spec.name,
        direction="minimize",
        sampler=FeasibleSampler(carried.spec, facts_of),
        pruner=optuna.pruners.NopPruner() if carried.spec.engine.pruner == "none" else ShareOfBudgetPruner(),
    )
    study.set_user_attr(CARRIER, config["parameters"][CARRIER]["value"])
    return study


def arguments_of(trial: optuna.Trial) -> dict[str, Any]:
    """What an agent gets to know of a trial of such a study."""
    from tlm_sweeps.search.wandb import feasible_sampler

    return feasible_sampler.arguments_of(trial)


def scheduler_command(sweep: str, *, batch_size: int, poll_seconds: float = 5.0) -> list[str]:
    """The command that drives a sweep, to be started in the folder of `scheduler_section`.

    Args:
        sweep: `entity/project/id`.
        batch_size: runs that are kept waiting or running. One more than agents train at once, and none of them waits
            for the scheduler's next look.
        poll_seconds: between two looks at the sweep's runs.
    """
    flags = [f"--batch-size={batch_size}", f"--poll-interval={poll_seconds:g}"]
    return ["wandb", "sweep-scheduler", *flags, sweep]


@contextmanager
def scheduling(
    sweep: str, folder: Path, *, batch_size: int, poll_seconds: float = 5.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Drive a sweep in a child process, which is told to leave at the end; the sweep stays as it is.

    What it says is in `scheduler.log` in the folder. It leaves by itself when the sweep is over. It can be started
    again for the same sweep, but not twice at once.
    """
    command = [sys.executable, "-m", *scheduler_command(sweep, batch_size=batch_size, poll_seconds=poll_seconds)]
    # A client of ours says here where its service is: the scheduler's must not be gone when we are.
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    environment = {**own, "WANDB_DIR": str(folder.resolve())}
    with (folder / LOG).open("ab") as log:
        child = subprocess.Popen(  # in a session of its own: Ctrl-C is ours to pass on
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt, once for the step it is at and once for good; then kill."""
    for patience in (_STEP_SECONDS, _STEP_SECONDS):
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        return
    child.kill()
    child.wait()


def _data_dir(folder: Path) -> Path | None:
    """Where the launch looked for named corpora; None where it left that open, or was on another machine."""
    try:
        written = json.loads((folder / FACTS).read_text(encoding="utf-8"))["data_dir"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "move the file away and name the folder with --data-dir"
        raise InputError("what the launch left cannot be read", place=str(folder / FACTS), hint=hint) from error
    return None if written is None else Path(written)


def _hold(lock: Path) -> None:
    """Keep other schedulers of a sweep away until this process ends: two of them propose everything twice."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)  # never closed, but by the end of the process
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(
            "another scheduler drives this W&B sweep", place=str(lock), hint="leave it to that one, or end it first"
        ) from None
