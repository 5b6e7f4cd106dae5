"""An agent of a W&B sweep: takes what the server offers, trains it here, and tells.

Everything that W&B must not be trusted with (the budget, what was spent, results) is settled here and kept in a ledger
of the trial's own; W&B's server only says what is tried, and is told what came of it.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.compute.planning import FactsOf, seeds_of
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger import FILE, Ledger, reading, writing
from tlm_sweeps.runs.ledger_lock import is_held
from tlm_sweeps.runs.record import Provenance
from tlm_sweeps.search.pool import LocalPool
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.wandb.heart import Heart
from tlm_sweeps.search.wandb.offer import arguments_in, offer_of, values_of
from tlm_sweeps.search.wandb.reserving import claim_of, claimed, trial_of
from tlm_sweeps.search.wandb.service import Exit, Service, Stop, ToldRun, Train
from tlm_sweeps.search.wandb.taking import are_over, left_behind, passing
from tlm_sweeps.search.wandb.telling import hand_back, tell_whole
from tlm_sweeps.search.wandb.trial import (
    Given,
    OfferedTrial,
    coordinated,
    keep_offer,
    keep_untold,
    kept_offer,
    offered_trial,
)
from tlm_sweeps.spec.carrying import CARRIER
from tlm_sweeps.spec.sweep import WandbEngine

_WAIT_SECONDS = 0.25
_RETRIES = 20
"""Looks at what W&B wants between two questions that it did not answer: five seconds."""
STOPPED = "stopped from W&B"


@dataclass(frozen=True)
class Took:
    """A proposal is about to be trained."""

    run_id: str
    """W&B's."""
    trial: OfferedTrial
    resumed: bool


@dataclass(frozen=True)
class Passed:
    """A proposal was left alone."""

    run_id: str
    why: str


@dataclass(frozen=True)
class Waits:
    """Nothing to train at the moment."""

    why: str = ""


@dataclass(frozen=True)
class Left:
    """The agent's work is over."""

    why: str


Happened = Took | Passed | Waits | Left | SweepProgress
"""What an agent does; a picture of the trial's progress a few times a second."""


@dataclass(frozen=True)
class Desk:
    """Where an agent works."""

    folder: Path
    """Of this sweep's trials on this machine."""
    facts_of: FactsOf
    device: str
    provenance: Provenance


class Agent:
    """One agent: a conversation with the server about what a warm worker does."""

    def __init__(self, service: Service, desk: Desk) -> None:
        """Get ready; the text on this machine has been found to be the sweep's."""
        self._service = service
        self._desk = desk
        self._name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._later: list[Train] = []
        self._is_sent_away = False
        self.must_stop = False
        """Set by whoever learns that the proposal under way is not wanted any more."""

    def work(self, pool: LocalPool, heart: Heart) -> Generator[Happened]:
        """Take up what was left behind on this machine, then what the server offers, until it has nothing more."""
        self._later += left_behind(self._desk.folder)
        heart.begin(*self._held())
        try:
            while not self._is_sent_away:
                command = self._later.pop(0) if self._later else heart.next(_WAIT_SECONDS)
                self._is_sent_away = self._is_sent_away or isinstance(command, Exit)
                if isinstance(command, Train):
                    heart.training(command.run_id, *self._held())
                    yield from self.train(command, pool, heart)
                    heart.training(*self._held())
                yield Waits()
            for command in left_behind(self._desk.folder, untold=True):
                yield from self.train(command, pool)
            yield Left("the sweep has been deleted at W&B" if heart.is_gone else "W&B has nothing more to try")
        finally:
            self._hand_back(heart)

    def _held(self) -> list[str]:
        """Offers that wait for their turn here: W&B must not count them as lost."""
        return [command.run_id for command in self._later]

    def _hand_back(self, heart: Heart) -> None:
        """On leaving: what was offered and never begun is for another agent."""
        while (command := heart.next(0)) is not None:
            self._later += [command] if isinstance(command, Train) else []
        for each in self._later:
            if each.type == "run" and not (self._desk.folder / each.run_id).exists():
                hand_back(self._service.path, each.run_id, values_of(each.args))

    def train(self, command: Train, pool: LocalPool, heart: Heart | None = None) -> Generator[Happened]:
        """Train a proposal to its end, whatever that is; a closed generator pauses it."""
        told = self._known(command.run_id)
        command = self._understood(command, told)
        folder = self._desk.folder / command.run_id
        try:
            offer = offer_of(command.run_id, command.args)
        except InputError as error:
            yield Passed(command.run_id, error.problems[0].message)
            return
        if is_held(folder):
            yield Passed(command.run_id, "another agent on this machine is training it")
            return
        with writing(folder) as ledger:
            keep_offer(ledger, command.run_id, command.args)
            if (why := passing(ledger.records(), told, self._name)) is not None:
                keep_offer(ledger, command.run_id, None)  # so that it is not taken up again
                yield Passed(command.run_id, why)
                return
            config = values_of(command.args) | {"agent": self._name}
            trial = offered_trial(offer, self._service.path, self._desk.facts_of, config)
            yield Took(command.run_id, trial, resumed=bool(ledger.records()) or command.type == "resume")
            yield from self._trained(trial, ledger, told, pool, heart)

    def _understood(self, command: Train, told: ToldRun | None) -> Train:
        """A further seed of a trial, handed out by itself after its machine died, with the trial's parameters.

        On that machine it is the trial that goes on.
        """
        first = trial_of(command.run_id)
        if first == command.run_id or CARRIER in command.args:
            return command
        folder = self._desk.folder / first
        if (folder / FILE).exists() and not is_held(folder):
            with reading(folder) as ledger:
                kept = kept_offer(ledger)
            if kept is not None:
                return Train(type="resume", run_id=kept[0], args=kept[1])
        return command if told is None else command.model_copy(update={"args": arguments_in(told.config)})

    def _trained(
        self, trial: OfferedTrial, ledger: Ledger, told: ToldRun | None, pool: LocalPool, heart: Heart | None
    ) -> Generator[Happened]:
        was_over, refusal, has_complained = are_over(ledger.records()), "", False
        given, desk = Given(trial, ledger), self._desk
        coordinator = coordinated(given, ledger, pool, desk.facts_of, desk.provenance, desk.device)
        if trial.planned.feasible and not was_over:
            refusal = yield from self._refusal(given, ledger, heart)
            given.refused = refusal
            if refusal and ledger.proposals():
                coordinator.stop(refusal)
        with closing(coordinator.run()) as pictures:
            for picture in pictures:
                if picture.complaints:
                    has_complained = True
                    keep_untold(ledger, is_untold=True)
                yield picture
                if self.must_stop or self._is_stopped(trial.offer.run_id, heart):
                    coordinator.stop(STOPPED)
        if has_complained:
            told = self._known(trial.offer.run_id)
        is_unheard = told is not None and told.ending is None and (was_over or has_complained)
        must_tell = bool(refusal) or is_unheard or (was_over and told is None)
        yield from self._tell(given.trial, ledger, must_tell=must_tell)

    def _tell(self, trial: OfferedTrial, ledger: Ledger, *, must_tell: bool) -> Generator[Happened]:
        """Tell W&B of runs that no worker has told of, or whose end its server has missed."""
        complaints = []
        for record in ledger.records():
            if record.state == "infeasible" or must_tell:
                measured = [each for _, each in ledger.measurements(record.run_id)]
                complaints.append(tell_whole(trial, record, measured, ledger.folder / record.run_id))
        if complaints:
            keep_untold(ledger, is_untold=any(complaints))
            yield from (Waits(each) for each in complaints if each)

    def _refusal(self, given: Given, ledger: Ledger, heart: Heart | None) -> Generator[Happened, None, str]:
        """Why a trial that fits its budget must not be trained; empty when it may be."""
        trial = given.trial
        spec = trial.offer.carried.spec
        while True:
            try:
                if same := self._same(trial):
                    return f"the same experiment as run {same}"
                if spec.budget is None or spec.budget.total is None:
                    return ""
                claim = claim_of(trial, ledger, self._service.run(trial.offer.run_id))
                given.trial = trial.claiming(claim.config)
                return "" if claimed(self._service, claim, spec.budget) else "the sweep's total is spent"
            except RunError as error:  # it must be known: an agent without a server has nothing else to do either
                yield Waits(error.problems[0].message)
            for _ in range(_RETRIES):
                if self.must_stop or self._is_stopped(trial.offer.run_id, heart) or self._is_sent_away:
                    return STOPPED
                yield Waits()
                time.sleep(_WAIT_SECONDS)

    def _same(self, trial: OfferedTrial) -> str | None:
        """Which other run of the sweep trains the same experiment, where W&B's server may propose one twice."""
        engine = trial.offer.carried.spec.engine
        by_server = isinstance(engine, WandbEngine) and engine.scheduler == "server"
        if trial.offer.is_cell or not by_server or engine.sampler == "grid":
            return None
        seed, mine = seeds_of(trial.spec)[0], trial.planned.fingerprint
        for run in self._service.runs():
            is_same = (run.config.get("fingerprint"), run.config.get("seed")) == (mine, seed)
            if is_same and trial_of(run.run_id) != trial_of(trial.offer.run_id) and run.ending in ("complete", None):
                return run.run_id
        return None

    def _is_stopped(self, run_id: str, heart: Heart | None) -> bool:
        """Whether W&B's server wants the trial to end; what else it wants is kept for later."""
        stopped = False
        while heart is not None and (command := heart.next(0)) is not None:
            match command:
                case Train():
                    self._later.append(command)
                case Stop():
                    stopped = stopped or run_id in (command.run_id, trial_of(command.run_id))
                case Exit():
                    # As W&B's own agents have it: whoever is sent away drops what it does, if W&B knew of it; but not
                    # because its sweep was deleted.
                    self._is_sent_away = True
                    stopped = stopped or (run_id in command.listed and not heart.is_gone)
        return stopped

    def _known(self, run_id: str) -> ToldRun | None:
        try:
            return self._service.run(run_id)
        except RunError:
            return None
