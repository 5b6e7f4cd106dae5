"""What a sampler is shown of a long search: everything at first, then a part whose size no longer grows.

Optuna's samplers read every finished trial at every proposal. A sampler that is shown a well-chosen few hundred
proposes in the same time after ten thousand trials as after one thousand. Which ones depends on the trials and on the
proposal's number only, never on when this process began, so that a resumed search is shown the same.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from tlm_sweeps.search.trials import Ending

Standing = tuple[int, float, float]
"""Sorts finished trials as TPE does, the best first."""


@dataclass(frozen=True)
class Hindsight:
    """How much of a search a sampler is shown. Trials that run are always shown besides."""

    whole: int
    """Up to so many finished trials it sees all, exactly as with plain Optuna. Beyond: those below, together."""
    best: int = 0
    newest: int = 0
    """And two more for every trial that runs."""
    drawn: int = 0
    """Drawn anew for each proposal, uniformly from all but the newest."""
    pruned: bool = False
    """Whether pruned trials mean anything to the sampler."""


OF_SAMPLER = {
    "tpe": Hindsight(1000, best=25, newest=25, drawn=200, pruned=True),
    "gp": Hindsight(200, best=50, newest=25, drawn=25),
    "cmaes": Hindsight(1000, newest=100),
    "nsga2": Hindsight(1000, newest=100),
}
"""TPE compares a model of its best trials (25 from 250 on) with one of all others. The best are shown whole, and so are
the newest, which weigh most; those drawn stand for the rest, since kernels are equally wide from 100 trials on. A
Gaussian process is fitted to a subset of the data. CMA-ES and NSGA-II read their last two generations, which are among
the newest (and NSGA-II's parents, which `OptunaSearch` adds): they propose exactly as if they saw all. `random` and
`grid` look at nothing."""


def standing_of(ending: Ending, values: Sequence[float] | None, reports: dict[int, float]) -> Standing:
    """Where a finished trial stands: complete ones by value, then pruned ones, those that came farthest first."""
    if ending == "complete" and values:
        return 0, values[0], 0.0
    percent = max(reports, default=0)
    nll = reports.get(percent, float("inf"))
    return 1, -percent, nll if nll == nll else float("inf")  # noqa: PLR0124 - NaN is the worst


class Finished:
    """The finished trials of one search that bear on its sampler, kept in the two orders that are asked for."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._ranked: list[tuple[Standing, int]] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, trial_id: int, standing: Standing) -> None:
        """Enter a trial; the order in which trials end does not matter."""
        insort(self._ids, trial_id)
        insort(self._ranked, (standing, trial_id))

    def shown(self, hindsight: Hindsight, running: int, random_: random.Random) -> set[int]:
        """The ids of the finished trials to be shown while so many run, when there are too many to be shown whole."""
        split = max(hindsight.drawn, len(self._ids) - hindsight.newest - 2 * running)
        drawn = random_.sample(range(split), hindsight.drawn)
        return {
            *(trial_id for _, trial_id in self._ranked[: hindsight.best]),
            *self._ids[split:],
            *(self._ids[index] for index in drawn),
        }


class ShownTrials(InMemoryStorage):
    """Optuna's storage in memory, which can be asked to show only some trials of its one study for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[int] | None = None

    @contextmanager
    def showing(self, trial_ids: Iterable[int]) -> Iterator[None]:
        """Show these trials only, to whoever lists them."""
        self._shown = sorted(trial_ids)
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials that are shown, in order."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        shown = [self.get_trial(trial_id) for trial_id in self._shown]
        return [trial for trial in shown if states is None or trial.state in states]
