"""A complete run as a model again: found by its name, its files read and checked, its module built.

What is read: `model.json` and `model.safetensors`. It knows nothing of what the model is then asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from tlm_sweeps.errors import InputError
from tlm_sweeps.models.build import TrainableModel, build
from tlm_sweeps.runs.folders import sweep_folder
from tlm_sweeps.runs.naming import records_named
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.roster import Roster
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.training.state import live_weights, set_weights

MODEL, WEIGHTS = "model.json", "model.safetensors"
_HINT = "put the file back, or train the run again in another runs folder"


class ReadFacts(BaseModel):
    """What a run knew of the text that it read; the rest of its facts is not asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    vocabulary_size: int
    fingerprint: str
    level: str | None = None
    """Of tokens; None of word pieces."""
    pieces_fingerprint: str | None = None
    labels: tuple[str, ...] | None = None
    """Of a run that tells labels apart."""


@dataclass(frozen=True, eq=False)
class KeptModel:
    """A complete run whose module computes as it did at the run's end, on the CPU and in evaluation mode."""

    record: Record
    folder: Path
    experiment: ExperimentSpec
    facts: ReadFacts
    module: TrainableModel

    @property
    def place(self) -> str:
        """`sweep/run`, as it is asked for."""
        return f"{self.record.sweep}/{self.record.run_id}"


def find_run(name: str, runs: Path) -> Record:
    """The run that a name stands for; of several, the complete one of lowest validation NLL.

    Args:
        name: `SWEEP`, `SWEEP/TRIAL` (a trial's number or a baseline's name) or `SWEEP/RUN`.
        runs: folder of all sweeps.

    Raises:
        InputError: there is no such run, or none of them is complete.
    """
    records = records_named(name, runs)
    best = Roster(records).best
    if best is not None:
        return best
    states = ", ".join(f"{count} {state}" for state, count in Counter(each.state for each in records).items())
    sweep = name.partition("/")[0]
    hint = f"`tlm-sweeps status {sweep}` shows the runs; only a complete one has a model"
    raise InputError(f"no complete run: {states or 'no runs'}", place=name, hint=hint)


def read_model(name: str, runs: Path) -> KeptModel:
    """The model that a name stands for.

    Args:
        name: as `find_run` takes it.
        runs: folder of all sweeps.

    Raises:
        InputError: as `find_run`; or a file of the run is missing, damaged, or another run's.
    """
    record = find_run(name, runs)
    folder = sweep_folder(runs, record.sweep) / record.run_id
    experiment, facts = _described(folder / MODEL, record)
    precision = experiment.training.precision
    if precision == "auto":
        raise _damaged(folder / MODEL, "its precision is `auto`, which every run settles")
    labels = len(facts.labels) if facts.labels is not None else None
    with torch.random.fork_rng(devices=()):  # first weights are drawn, and replaced at once
        module = build(experiment.model, facts.vocabulary_size, precision, labels)
    weights = _weights(folder / WEIGHTS)
    if _shapes(weights) != _shapes(live_weights(module)):
        raise _damaged(folder / WEIGHTS, "its tensors are not those of the model that `model.json` describes")
    set_weights(module, weights)
    return KeptModel(record, folder, experiment, facts, module.eval())


def _described(path: Path, record: Record) -> tuple[ExperimentSpec, ReadFacts]:
    try:
        written = json.loads(path.read_bytes())
        experiment = ExperimentSpec.model_validate_json(json.dumps(written["experiment"]))
        facts = ReadFacts.model_validate(written["corpus"])
    except OSError as error:
        raise _missing(path, error) from error
    except ValidationError as error:
        found = error.errors()[0]
        raise _damaged(path, f"{'.'.join(map(str, found['loc']))}: {found['msg']}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if canonical_json(written["experiment"]) != canonical_json(record.spec):
        raise _damaged(path, "it describes another experiment than the run's record: it is another run's")
    return experiment, facts


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return tensors_from_bytes(path.read_bytes())
    except OSError as error:
        raise _missing(path, error) from error
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, Sequence[Any]]:
    return {name: (each.dtype, *each.shape) for name, each in weights.items()}


def _missing(path: Path, error: OSError) -> InputError:
    return InputError(f"{path.name} of the run cannot be read: {error.strerror}", place=str(path), hint=_HINT)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path.name} of the run is damaged: {what}", place=str(path), hint=_HINT)
