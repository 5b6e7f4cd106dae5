"""Which run another one starts from, told from the folder of all sweeps; nothing is trained or written here.

`start_from: SWEEP` is that sweep's complete run of the same model, corpus, passages and seed; `SWEEP/RUN` is that run,
whose model, corpus and passages must be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.planning import FactsOf, PlannedTrial
from tlm_sweeps.errors import InputError, Problem, did_you_mean, nearest
from tlm_sweeps.runs.file_sums import damaged_in
from tlm_sweeps.runs.folders import sweep_names
from tlm_sweeps.runs.ledger import is_begun, reading
from tlm_sweeps.runs.record import Record, StartedFrom
from tlm_sweeps.spec.chaining import START_FROM
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.yaml_writing import flow

WEIGHTS = "model.safetensors"
"""What a complete run leaves its weights in."""
_OPEN = ("waiting", "running")


@dataclass(frozen=True)
class Unresolved:
    """Why a run cannot start from what it names."""

    problem: Problem
    why: Literal["mistake", "lost", "open"] = "mistake"
    """`lost`: what it names has ended without weights; `open`: it has not ended yet; else something is named wrong."""
    sweep: str = ""
    """The sweep that has not ended."""


class Origins:
    """The runs that there are to start from. What has been read once is remembered."""

    def __init__(
        self,
        runs: Path,
        facts_of: FactsOf,
        to_come: Mapping[str, tuple[Record, ...]] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Look into a folder of sweeps when asked, not before.

        Args:
            runs: folder of all sweeps.
            facts_of: reads a corpus's facts.
            to_come: sweeps that will have been run by then, with all their runs, waiting; none where nobody knows them.
            files: of the specs of sweeps that are trained first, for hints.
        """
        self._runs = runs
        self._facts_of = facts_of
        self._to_come = to_come or {}
        self._files = files or {}
        self._records: dict[str, tuple[Record, ...]] = {}
        self._hashes: dict[Path, str] = {}

    def of(self, experiment: ExperimentSpec, seed: int) -> StartedFrom | Unresolved | None:
        """Where the first weights of an experiment with this seed come from; None for random ones."""
        if experiment.start_from is None:
            return None
        sweep, _, run_id = experiment.start_from.partition("/")
        try:
            records = self._records_of(sweep)
            if sweep in self._to_come and not self._to_come[sweep] and not _holds(records, run_id):
                return _not_yet(sweep, f"`{experiment.start_from}` is not trained yet")
            found = (
                _named(run_id, records, experiment)
                if run_id
                else _alike(records, experiment, seed, self._files.get(sweep, ""))
            )
            if isinstance(found, Unresolved):
                is_under_way = sweep not in self._to_come and any(each.state in _OPEN for each in records)
                return _not_yet(sweep, f"`{sweep}` is not over yet") if is_under_way and not run_id else found
            self._ensure_same_pieces(found, experiment)
            return self._started_from(found)
        except InputError as error:
            return Unresolved(error.problems[0])

    def begun_from(self, records: Sequence[Record], planned: PlannedTrial) -> tuple[Record, ...]:
        """Planned records of a trial with where their first weights come from; infeasible where that is nowhere."""
        experiment = planned.matched.experiment if planned.matched else None
        if experiment is None or experiment.start_from is None:
            return tuple(records)
        return tuple(_with_origin(record, self.of(experiment, record.seed)) for record in records)

    def change_since(self, origin: StartedFrom) -> Problem | None:
        """What has become of weights that a run began with, where they are there and are others by now."""
        path = self._weights(origin.sweep, origin.run_id)
        if not path.is_file() or self._sha256(path) == origin.sha256:
            return None
        message = f"`{origin.sweep}/{origin.run_id}`, which runs of this sweep started from, has other weights now"
        hint = "put the old ones back, or start from these in a sweep of another name (`--set name=…`)"
        if path.name in damaged_in(path.parent):
            hint = f"put the old ones back, or train `{origin.sweep}` again under another name: these are damaged"
        return Problem(message, str(path), hint)

    def _records_of(self, sweep: str) -> tuple[Record, ...]:
        if sweep not in self._records:
            there = [name for name in sweep_names(self._runs) if is_begun(self._runs / name)]
            planned = self._to_come.get(sweep, ())
            if sweep not in there and sweep in self._to_come:
                return planned
            if sweep not in there:
                close = nearest(sweep, there)
                hint = f"did you mean `{close}`? Else " if close else ""
                hint += "train it first, or name the file of its spec in `after`, and `tlm-sweeps sweep` does"
                raise InputError(f"no sweep `{sweep}` to start from in {self._runs}", place=_PLACE, hint=hint)
            with reading(self._runs / sweep) as ledger:
                records = ledger.records()
            begun = {(each.fingerprint, each.seed) for each in records}
            self._records[sweep] = records + tuple(
                each for each in planned if (each.fingerprint, each.seed) not in begun
            )
        return self._records[sweep]

    def _ensure_same_pieces(self, record: Record, experiment: ExperimentSpec) -> None:
        facts = self._facts_of(experiment)
        here = None if isinstance(facts, CorpusFacts) else facts.pieces_fingerprint
        there = record.provenance.corpus.get("pieces_fingerprint")
        if here != there:
            message = f"`{_path(record)}` was trained on other word pieces: {str(there)[:12]}…, not {str(here)[:12]}…"
            hint = f"the text has changed since: train `{record.sweep}` again under another name, and start from that"
            raise InputError(message, place=_PLACE, hint=hint)

    def _started_from(self, record: Record) -> StartedFrom:
        path = self._weights(record.sweep, record.run_id)
        again = f"train `{record.sweep}` again under another name, and start from that"
        if not path.is_file():
            raise InputError(
                f"the weights of `{_path(record)}` are gone", place=str(path), hint=f"put the file back, or {again}"
            )
        try:
            with safe_open(path, framework="numpy") as file:
                file.keys()
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"the weights of `{_path(record)}` are damaged: {error}", place=str(path), hint=again
            ) from error
        if path.name in damaged_in(path.parent):
            message = (
                f"the weights of `{_path(record)}` are damaged: their sha256 is another than when they were written"
            )
            raise InputError(message, place=str(path), hint=again)
        return StartedFrom(
            sweep=record.sweep,
            run_id=record.run_id,
            fingerprint=record.fingerprint,
            sha256=self._sha256(path),
            train_flops=record.train_flops or {},
        )

    def _weights(self, sweep: str, run_id: str) -> Path:
        return self._runs / sweep / run_id / WEIGHTS

    def _sha256(self, path: Path) -> str:
        if path not in self._hashes:
            with path.open("rb") as file:
                self._hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[path]


def _with_origin(record: Record, found: StartedFrom | Unresolved | None) -> Record:
    if isinstance(found, Unresolved):
        return record.model_copy(update={"state": "infeasible", "reason": found.problem.message})
    return record.model_copy(update={"started_from": found})


_PLACE = f"experiment.{START_FROM}"
_Parts = Mapping[str, Any]


def _named(run_id: str, records: Sequence[Record], experiment: ExperimentSpec) -> Record | Unresolved:
    """The run of that name."""
    by_name = {record.run_id: record for record in records}
    if run_id not in by_name:
        return _wrong(f"`{experiment.start_from}`: no such run", did_you_mean(run_id, by_name))
    record, wanted = by_name[run_id], _parts(experiment.model_dump(mode="json"))
    there = _parts(record.spec)
    for part, value in wanted.items():
        if canonical_json(value) != canonical_json(there[part]):
            hint = f"write the same `{part}` as there, or start from another run"
            if part == "passages":
                hint += "; a record's overlap is with the passages that its own spec names"
            return _wrong(f"`{_path(record)}` has another {part}: {_difference(there[part], value)}", hint)
    return _ended(record)


def _alike(records: Sequence[Record], experiment: ExperimentSpec, seed: int, file: str) -> Record | Unresolved:
    """The one run of this model, text and seed; its sweep's spec is in this file."""
    sweep, left = experiment.start_from, [each for each in records if _is_masked(each)]
    if not left:
        return _wrong(f"`{sweep}` has no run that was pre-trained", "name a sweep of `training.predict: masked`")
    for part, value in _parts(experiment.model_dump(mode="json")).items():
        others, left = left, [each for each in left if canonical_json(_parts(each.spec)[part]) == canonical_json(value)]
        if not left:
            differs = _difference(_parts(others[0].spec)[part], value)
            hint = f"pre-train it in `{sweep}`, or write the same `{part}` as there"
            return _wrong(f"no run of `{sweep}` has this {part}: {differs}", hint)
    own = [each for each in left if each.seed == seed]
    if not own:
        seeds = ", ".join(map(str, sorted({each.seed for each in left})))
        where = f" by `seeds` in {file}, since `--set` is for the last sweep of a chain only" if file else ""
        hint = f"give `{sweep}` the seed{where}; or name one run: `{START_FROM}: {_path(left[0])}`"
        return _wrong(f"`{sweep}` has no such run of seed {seed}, only of {seeds}", hint)
    return _only(own)


def _only(found: Sequence[Record]) -> Record | Unresolved:
    """The one of runs that are all alike which has weights, or will have."""
    left = [each for each in found if each.state in {*_OPEN, "complete"}]
    if len(left) < 2:
        return _ended((left or found)[0])
    names = ", ".join(f"`{_path(each)}`" for each in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    hint = f"name one of them, such as `{START_FROM}: {_path(left[0])}`"
    return _wrong(f"{len(left)} runs have this model, text and seed: {names}{more}", hint)


def _ended(record: Record) -> Record | Unresolved:
    """The run itself, if it is complete and was pre-trained."""
    if not _is_masked(record):
        message = f"`{_path(record)}` was not pre-trained: it predicts {record.spec['training']['predict']}"
        return _wrong(message, "name a run of `training.predict: masked`")
    if record.state in _OPEN:
        return _not_yet(record.sweep, f"`{_path(record)}` is not complete yet, it is {record.state}")
    if record.state == "complete":
        return record
    message = f"`{_path(record)}` left no weights: it is {record.state} ({record.reason})"
    hint = f"`tlm-sweeps status {record.sweep}` shows why; another seed or another sweep may be started from"
    return Unresolved(Problem(message, _PLACE, hint), "lost")


def _not_yet(sweep: str, message: str) -> Unresolved:
    hint = f"finish `{sweep}` first: the command that began it goes on with it"
    return Unresolved(Problem(message, _PLACE, hint), "open", sweep)


def _holds(records: Sequence[Record], run_id: str) -> bool:
    return any(record.run_id == run_id for record in records)


def _is_masked(record: Record) -> bool:
    return record.spec.get("training", {}).get("predict") == "masked"


def _wrong(message: str, hint: str) -> Unresolved:
    return Unresolved(Problem(message, _PLACE, hint))


def _path(record: Record) -> str:
    return f"{record.sweep}/{record.run_id}"


def _parts(spec: _Parts) -> dict[str, Any]:
    """What must be the same, by its name in the spec."""
    return {"model": spec.get("model"), "corpus": spec.get("corpus"), "passages": spec.get("passages") or {}}


def _difference(there: Any, here: Any) -> str:
    """The first field that differs: `depth 2 there, 1 here`."""
    if not isinstance(there, Mapping) or not isinstance(here, Mapping):
        return f"{flow(there)} there, {flow(here)} here"
    name = next(each for each in (*there, *here) if canonical_json(there.get(each)) != canonical_json(here.get(each)))
    return f"{name} {flow(there.get(name))} there, {flow(here.get(name))} here"
