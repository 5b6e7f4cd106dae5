"""An agent from its sweep's path: log in, check the text, start a worker, and work."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from pydantic import ValidationError

from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.planning import FactsOf, decides_text, plan_sweep
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.folders import ensure_writable, sweep_folder
from tlm_sweeps.runs.provenance import capture
from tlm_sweeps.search.devices import Asked, devices
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.search.wandb.agent import Agent, Desk, Happened
from tlm_sweeps.search.wandb.config import SAMPLE
from tlm_sweeps.search.wandb.heart import Heart
from tlm_sweeps.search.wandb.offer import trainable, values_of
from tlm_sweeps.search.wandb.service import Service, Train
from tlm_sweeps.search.wandb.telling import hand_back
from tlm_sweeps.spec.carrying import CARRIER, Carried, carried_in, carried_of
from tlm_sweeps.spec.experiment import CorpusSpec
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking.wandb_paths import SweepPath

_LOGS = "agents"
"""Folder beside the trials, for what workers have to say besides messages."""


def work_for(
    path: SweepPath, runs: Path, *, data_dir: Path | None = None, device: Asked = "auto", argv: tuple[str, ...] = ()
) -> Generator[Happened]:
    """Train what a W&B sweep offers until it has nothing more. Close the generator to pause.

    Args:
        path: of the sweep.
        runs: folder of all sweeps; this one's trials lie in `<name>-<sweep id>`.
        data_dir: where named corpora are looked for first.
        device: where to compute; `auto`: on the GPUs if there are any.
        argv: the command, for the records.

    Yields:
        What happens, a few times a second.

    Raises:
        InputError: when nobody is logged in, the sweep is none of ours, or the text is not here.
    """
    service = Service(path)
    carried = trainable(carried_in(service.sweep_config()))
    desk = _desk(carried, path, runs, data_dir, device, argv)
    agent = Agent(service, desk)
    with Heart(service) as heart, closing(_worker(desk, data_dir)) as pool:
        yield from agent.work(pool, heart)


class OneProposal:
    """The work of a process that a plain `wandb agent` started: one proposal."""

    def __init__(self, file: Path, runs: Path, data_dir: Path | None, device: Asked, argv: tuple[str, ...]) -> None:
        """Read the proposal, and whose it is from the environment that the agent made.

        Raises:
            InputError: when there is no such agent, the proposal is none of ours, or the text is not here.
        """
        self._data_dir = data_dir
        path, self._command = proposal_of(file, os.environ)
        try:
            self._service = Service(path)
            carried = carried_of(self._command.args.get(CARRIER, {}).get("value"))
            self._desk = _desk(carried, path, runs, data_dir, device, argv)
        except InputError:
            hand_back(path, self._command.run_id, values_of(self._command.args))  # this machine cannot: another may
            raise
        self._agent = Agent(self._service, self._desk)

    def work(self) -> Generator[Happened]:
        """Train it to its end. Close the generator to pause."""
        with closing(_worker(self._desk, self._data_dir)) as pool:
            yield from self._agent.train(self._command, pool)

    def stop_if_asked(self) -> bool:
        """Whether W&B wants the run to end, which it then does: W&B's agent says so by the signal for a pause."""
        self._agent.must_stop = self._service.is_stopped(self._command.run_id)
        return self._agent.must_stop


def proposal_of(file: Path, environment: Mapping[str, str]) -> tuple[SweepPath, Train]:
    """A proposal as a plain `wandb agent` gives it: arguments in a file, names in the environment.

    Raises:
        InputError: when one of them is missing.
    """
    names = ("WANDB_ENTITY", "WANDB_PROJECT", "WANDB_SWEEP_ID", "WANDB_RUN_ID")
    if missing := [name for name in names if not environment.get(name)]:
        hint = "`wandb agent ENTITY/PROJECT/SWEEP` sets it; so does `tlm-sweeps agent ENTITY/PROJECT/SWEEP`, better"
        raise InputError(f"{missing[0]} is not set: no agent has proposed anything", place="--proposal", hint=hint)
    entity, project, sweep_id, run_id = (environment[name] for name in names)
    try:
        args = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the proposal cannot be read: {error}", place=str(file)) from error
    if not isinstance(args, dict):
        raise InputError("the proposal is no JSON object", place=str(file))
    given = {name: {"value": value} for name, value in args.items()}
    try:
        return SweepPath(entity, project, sweep_id), Train(type="run", run_id=run_id, args=given)
    except ValidationError:
        raise InputError(f"`{run_id}` is no run id of W&B's", place="WANDB_RUN_ID") from None


def ensure_same_texts(carried: Carried, facts_of: FactsOf) -> None:
    """Refuse to train on another text than the sweep's.

    Raises:
        InputError: when a text is another one here, or is not here at all.
    """
    here = {facts.name: (facts, corpus) for corpus, facts in _texts(carried.spec, facts_of)}
    for name, fingerprint in carried.corpora.items():
        if name not in here:
            raise InputError(
                f"corpus `{name}` of the sweep `{carried.spec.name}` is not here", hint=_where_to_put(None)
            )
        facts, corpus = here[name]
        if facts.fingerprint != fingerprint:
            message = f"corpus `{name}` is another text here than in the sweep `{carried.spec.name}`"
            raise InputError(message, hint=_where_to_put(corpus.path))


def _texts(spec: SweepSpec, facts_of: FactsOf) -> Iterator[tuple[CorpusSpec, TextFacts]]:
    """The texts that the sweep reads, searched ones too; one that is not here is left out.

    Raises:
        InputError: the spec's own text cannot be had.
    """
    yield spec.experiment.corpus, facts_of(spec.experiment)
    searched = [*spec.search, *(name for settings in spec.baselines.values() for name in settings)]
    if not any(map(decides_text, searched)):
        return
    for trial in plan_sweep(spec, facts_of, sample=SAMPLE).trials:
        if trial.matched is not None:
            yield trial.matched.experiment.corpus, facts_of(trial.matched.experiment)


def _where_to_put(path: str | None) -> str:
    here = f"`{path}` is looked for from the folder where this is started"
    where = here if path else "name its folder with --data-dir"
    return f"copy the text from the machine that launched the sweep; {where}"


def _desk(
    carried: Carried, path: SweepPath, runs: Path, data_dir: Path | None, device: Asked, argv: tuple[str, ...]
) -> Desk:
    facts_of = facts_reader(data_dir)
    ensure_same_texts(carried, facts_of)
    where = devices(device)
    mine = where[os.getpid() % len(where)]  # agents that start together share the GPUs
    folder = sweep_folder(runs, f"{carried.spec.name}-{path.sweep_id}")
    return Desk(folder, facts_of, mine, capture(argv))


def _worker(desk: Desk, data_dir: Path | None) -> LocalPool:
    logs = desk.folder / _LOGS / f"{socket.gethostname()}-{os.getpid()}"
    ensure_writable(logs)
    return LocalPool(1, logs, data_dir)
