"""A kept run trained again: the same setting, budget and seed, and how far the new result is from the kept one."""

from __future__ import annotations

import difflib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlm_sweeps.compute.planning import BUDGET
from tlm_sweeps.errors import InputError
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.composition import overlaid
from tlm_sweeps.spec.sweep import OptunaEngine, SweepSpec

ANY = "any"
"""In place of a run's name: one at random."""
NEAR_NATS = 0.002
"""Largest difference between a record and the same run on the same kind of device. On one thread and one kind of
processor it is 0; another number of threads or another processor adds in another order."""
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Again:
    """A record, and the record of its run made again."""

    kept: Record
    new: Record

    @property
    def difference(self) -> float | None:
        """New minus kept test NLL, nats per target; None where a run has none."""
        if self.kept.test_nll is None or self.new.test_nll is None:
            return None
        return self.new.test_nll - self.kept.test_nll

    @property
    def is_same(self) -> bool:
        """Whether both are complete and near enough."""
        return self.difference is not None and abs(self.difference) <= NEAR_NATS

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "run_id": self.kept.run_id,
            "kept": {"test_nll": self.kept.test_nll, "device": self.kept.provenance.device},
            "new": {"test_nll": self.new.test_nll, "device": self.new.provenance.device, "state": self.new.state},
            "difference": self.difference,
            "largest": NEAR_NATS,
            "same": self.is_same,
        }


def drawn(sweeps: Mapping[str, SweepResults], run_id: str | None = None) -> tuple[SweepResults, Record]:
    """A complete run of the kept ones that began with random weights: the one that is named, else one at random.

    Raises:
        InputError: there is none, none of that name, or that one is not complete or began with another run's weights.
    """
    every = [(results, record) for results in sweeps.values() for record in results.records]
    complete = [(results, each) for results, each in every if each.state == "complete" and each.started_from is None]
    if not complete:
        hint = "leave out --again to train what is missing, or name a folder of kept records with --from"
        raise InputError("no complete run is kept", place="--again", hint=hint)
    if run_id is None:
        return random.choice(complete)
    for results, record in every:
        if record.run_id == run_id:
            _ensure_repeatable(record)
            return results, record
    names = [record.run_id for _, record in complete]
    raise InputError(f"no run `{run_id}` is kept", place="--again", hint=_like(run_id, names))


def _ensure_repeatable(record: Record) -> None:
    if record.state != "complete":
        why = f": {record.reason}" if record.reason else ""
        hint = f"only a complete run has a result to compare; `--again {ANY}` draws one"
        raise InputError(f"the kept run `{record.run_id}` is {record.state}{why}", place="--again", hint=hint)
    if record.started_from is not None:
        behind = f"{record.started_from.sweep}/{record.started_from.run_id}"
        message = f"the kept run `{record.run_id}` began with the weights of `{behind}`, and records hold no weights"
        raise InputError(message, place="--again", hint=f"`--again {ANY}` draws a run that began with random ones")


def _like(run_id: str, names: Sequence[str]) -> str:
    """A hint with the few names that are nearest to a wrong one: there can be hundreds."""
    near = difflib.get_close_matches(run_id, names, n=_NAMES_SHOWN)
    if near:
        return f"did you mean {' or '.join(f'`{name}`' for name in near)}?"
    return f"runs have names such as `{names[0]}`; `--again {ANY}` draws one"


def made_again(results: SweepResults, record: Record) -> SweepSpec:
    """The sweep of the one run that a record is of: its setting is the experiment, its budget the only one."""
    spec = results.spec
    settings = {name: value for name, value in record.settings.items() if name != BUDGET}
    experiment = overlaid(spec.experiment.model_dump(mode="json", exclude_unset=True), settings)
    given = spec.model_dump(mode="json", exclude_unset=True, exclude={"search", "baselines", "engine", "budget"})
    given |= {"name": f"{record.run_id}-again", "experiment": experiment, "seeds": [record.seed]}
    again = SweepSpec.model_validate_json(json.dumps(given))
    budget = spec.budget and spec.budget.model_copy(update={"flops": record.budget_flops, "total": None})
    return again.model_copy(update={"budget": budget, "engine": OptunaEngine(sampler="grid")})
