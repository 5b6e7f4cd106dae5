"""Parts of one sweep, trained in several places, as one ledger: each setting with each seed once.

It only computes; `merging_files` puts the result on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tlm_sweeps.compute.planning import seeds_of
from tlm_sweeps.runs.file_sums import damaged_in
from tlm_sweeps.runs.ledger import Death, Proposal
from tlm_sweeps.runs.ledger_rows import Elsewhere, LedgerRows, RunRows
from tlm_sweeps.runs.merging_places import Place
from tlm_sweeps.runs.merging_runs import Training, chosen, disagreement, is_another, with_all_spending
from tlm_sweeps.runs.merging_specs import merged_spec
from tlm_sweeps.runs.merging_trials import Numbering, renamed
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.fingerprint import fingerprint

_AT_NEXT_START = ("pool_flops", "unbegun", "foreseen_flops")
"""What is found out anew when the sweep goes on."""


@dataclass(frozen=True)
class Merged:
    """A sweep brought together, and how."""

    rows: LedgerRows
    origins: dict[str, Training]
    """Where each run comes from, by its name here; without those that are to be trained again."""
    alike: int
    """Complete runs that more than one place has trained, and that agree."""
    disagreements: tuple[str, ...]
    damaged: tuple[str, ...]
    """What was left out, a sentence each."""


def merged(places: Sequence[Place]) -> Merged:
    """Bring the parts of a sweep together.

    Args:
        places: at least one, each with a spec; the first one's numbers and names stay.

    Raises:
        InputError: they are parts of different sweeps.
    """
    spec = merged_spec(places)
    numbering = Numbering(keep_notes=not places[0].rows.damaged)
    runs = _Runs(seeds_of(spec))
    for place in places:
        runs.take(place, numbering.take(place.rows))
    rows, origins = runs.rows({each.number for each in numbering.proposals if each.verdict == "infeasible"})
    there = {run.record.trial for run in rows}
    proposals = tuple(each for each in numbering.proposals if each.verdict != "trial" or each.number in there)
    meta = {key: value for key, value in places[0].rows.meta.items() if key not in _AT_NEXT_START}
    if len(places) > 1:
        meta |= {
            "spec": spec.model_dump_json(exclude_unset=True),
            "fingerprint": fingerprint(spec),
            "created_at": min(place.rows.meta.get("created_at", "") for place in places),
        }
    damaged = tuple(f"{place.label}: {each}" for place in places for each in place.rows.damaged)
    whole = LedgerRows(meta, _in_order(proposals), rows, runs.deaths())
    return Merged(whole, origins, runs.alike, tuple(runs.disagreements), damaged)


class _Runs:
    """The runs of all places, by trial and seed."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.alike = 0
        self.disagreements: list[str] = []
        self._seeds = {seed: number for number, seed in enumerate(seeds)}
        self._trainings: dict[tuple[int, int], list[Training]] = {}
        self._lost: dict[tuple[int, int], list[Elsewhere]] = {}
        self._deaths: dict[tuple[str, str], Death] = {}

    def take(self, place: Place, numbers: dict[int, int]) -> None:
        """Take a place's runs, under the numbers that their trials have here."""
        for run in place.rows.runs:
            key = (numbers[run.record.trial], run.record.seed)
            self._trainings.setdefault(key, []).append(Training(place, run))
        for trial, seed, spent in place.rows.lost:
            self._lost.setdefault((numbers.get(trial, -1), seed), []).append(spent)
        names = {run.record.run_id: renamed(run.record, numbers[run.record.trial]).run_id for run in place.rows.runs}
        for death in place.rows.deaths:
            new = replace(death, run_id=names.get(death.run_id, death.run_id))
            self._deaths[new.run_id, new.at] = new

    def deaths(self) -> tuple[Death, ...]:
        """Workers that died, wherever that was, each once."""
        return tuple(sorted(self._deaths.values(), key=lambda each: each.at))

    def rows(self, infeasible: set[int]) -> tuple[tuple[RunRows, ...], dict[str, Training]]:
        """Every run once, by trial and seed, and where each comes from; of an infeasible trial its only one."""
        found: dict[tuple[int, int], RunRows] = {}
        origins: dict[str, Training] = {}
        lost = dict(self._lost)
        told: set[int] = set()
        for key, trainings in self._trainings.items():
            if key[0] in infeasible & told:
                continue
            told.add(key[0])
            kept = chosen(trainings, lambda each: not damaged_in(each.place.folder / each.record.run_id))
            self._compare(kept, trainings)
            record = renamed(kept.record, key[0])
            found[key] = replace(with_all_spending(kept, trainings, lost.pop(key, ())), record=record)
            origins[record.run_id] = kept
        for key, spent in lost.items():
            self._make_up(found, key, spent)
        return tuple(found[key] for key in sorted(found, key=self._turn)), origins

    def _turn(self, key: tuple[int, int]) -> tuple[int, int]:
        """Trials in order, and in each the seeds as the spec has them: the first one is judged."""
        trial, seed = key
        return trial, self._seeds.get(seed, len(self._seeds))

    def _make_up(self, found: dict[tuple[int, int], RunRows], key: tuple[int, int], spent: Sequence[Elsewhere]) -> None:
        """A run whose record is lost waits to be trained again, where another seed tells what it is."""
        siblings = [run.record for (trial, _), run in found.items() if trial == key[0]]
        again = next((each for each in siblings if each.started_from is None and each.spec), None)
        if again is not None:
            found[key] = RunRows(_waiting(again, key[1]), 0, 0, 0, 0, (), ())
        payer = key if key in found else next(iter(found), None)
        if payer is not None:
            run = found[payer]
            new = tuple(each for each in spent if each.charged and each not in run.elsewhere)
            charged = run.charged + sum(each.charged for each in new)
            found[payer] = replace(run, charged=charged, elsewhere=(*run.elsewhere, *new))

    def _compare(self, kept: Training, trainings: Sequence[Training]) -> None:
        others = [each for each in trainings if each.record.state == "complete" and is_another(each, kept)]
        apart = [(other, how) for other in others if (how := disagreement(kept.record, other.record)) is not None]
        self.alike += bool(others) and not apart
        for other, how in apart:
            name, label = kept.record.run_id, other.place.label
            self.disagreements.append(f"{name} of {kept.place.label} is kept, and {label} has another result: {how}")


def _waiting(sibling: Record, seed: int) -> Record:
    """A run before it is trained, told by one of the same trial with another seed."""
    known = ("sweep", "trial", "baseline", "settings", "spec", "fingerprint", "n_params", "n_params_non_embedding")
    planned = {name: getattr(sibling, name) for name in (*known, "budget_flops", "account", "epochs_asked")}
    name = sibling.run_id.rpartition("-s")[0]
    origin = sibling.provenance
    return Record(run_id=f"{name}-s{seed}", seed=seed, state="waiting", provenance=origin, **planned)


def _in_order(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    return tuple(sorted(proposals, key=lambda each: each.number))
