"""A fine-tuned run as a possible member: its record, what it is, and its logits, read from its folder and checked.

What is read: `model.json` and `predictions.safetensors`. It knows no committee.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, ValidationError

from tlm_sweeps.committees.scoring import Labels
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.file_sums import is_as_written
from tlm_sweeps.runs.record import Record
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.experiment import ExperimentSpec

MODEL, WEIGHTS, PREDICTIONS = "model.json", "model.safetensors", "predictions.safetensors"
_ARRAYS = ("valid_logits", "valid_labels", "test_logits", "test_labels")
_HINT = "leave this run out, or train it again in another runs folder"


class LabelledFacts(BaseModel):
    """What a run knew of its labelled set; the rest of its facts is not asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    labels: tuple[str, ...]
    vocabulary_size: int
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a run says of one set of examples."""

    logits: Float[np.ndarray, "n c"]
    labels: Labels


@dataclass(frozen=True, eq=False)
class Member:
    """A complete run that tells labels apart."""

    record: Record
    folder: Path
    experiment: ExperimentSpec
    model: BertModel
    task: LabelledFacts
    valid: Predicted
    test: Predicted

    @property
    def place(self) -> str:
        """`sweep/run`, as it is asked for."""
        return f"{self.record.sweep}/{self.record.run_id}"


def read_member(record: Record, folder: Path) -> Member:
    """A run with all that a committee needs of it.

    Args:
        record: of the run.
        folder: of the run.

    Raises:
        InputError: the run is not complete, tells no labels apart, or a file of it is missing or damaged.
    """
    if record.state != "complete":
        raise InputError(
            f"the run is {record.state}, and a committee is made of complete ones",
            place=f"{record.sweep}/{record.run_id}",
            hint="leave it out",
        )
    ensure_tells_labels(record)
    model, experiment, task = read_description(folder / MODEL)
    arrays = _arrays(folder / PREDICTIONS)
    valid, test = (_predicted(arrays, part, len(task.labels), folder / PREDICTIONS) for part in ("valid", "test"))
    _ensure_of_record(test, record, folder / PREDICTIONS)
    return Member(record, folder, experiment, model, task, valid, test)


def ensure_tells_labels(record: Record) -> None:
    """Refuse a run of pre-training, or of a model that predicts what comes next.

    Raises:
        InputError: its experiment has no task.
    """
    if not record.spec.get("task"):
        place, hint = f"{record.sweep}/{record.run_id}", "name runs that were fine-tuned on a `task`"
        raise InputError("the run tells no labels apart: its experiment has no `task`", place=place, hint=hint)


def read_description(path: Path) -> tuple[BertModel, ExperimentSpec, LabelledFacts]:
    """What `model.json` says of a run that tells labels apart.

    Raises:
        InputError: it is missing or damaged, or of a run that does something else.
    """
    try:
        written = json.loads(_as_written(path))
        experiment = ExperimentSpec.model_validate_json(json.dumps(written["experiment"]))
        task = LabelledFacts.model_validate(written["corpus"])
    except OSError as error:
        raise _missing(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        found = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, found['loc']))}: {found['msg']}" if found else f"{type(error).__name__}: {error}"
        raise _damaged(path, what) from error
    if not isinstance(experiment.model, BertModel):
        raise _damaged(path, f"its model is `{experiment.model.kind}`, not `bert`")
    return experiment.model, experiment, task


def _arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(_as_written(path))
    except OSError as error:
        raise _missing(path, error) from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path, str(error)) from error
    if lacking := [name for name in _ARRAYS if name not in arrays]:
        raise _damaged(path, f"it holds no {', '.join(lacking)}")
    return arrays


def _predicted(arrays: dict[str, np.ndarray], part: str, n_labels: int, path: Path) -> Predicted:
    logits, labels = arrays[f"{part}_logits"], arrays[f"{part}_labels"]
    if logits.ndim != 2 or labels.ndim != 1 or len(logits) != len(labels) or logits.shape[1] != n_labels:
        shapes = f"{part}_logits {logits.shape}, {part}_labels {labels.shape}"
        raise _damaged(path, f"its shapes do not fit {n_labels} labels: {shapes}")
    if not len(labels):
        raise _damaged(path, f"it has no {part} examples")
    if not np.isfinite(logits).all():
        raise _damaged(path, f"{part}_logits are not all finite")
    if labels.min() < 0 or labels.max() >= n_labels:
        raise _damaged(path, f"{part}_labels are not all from 0 to {n_labels - 1}")
    return Predicted(logits, labels.astype(np.int64))


def _ensure_of_record(test: Predicted, record: Record, path: Path) -> None:
    """Refuse logits that do not give the record's own test scores: they are of another run."""
    right, n = int((test.logits.argmax(1) == test.labels).sum()), len(test.labels)
    scores = record.test_scores
    if scores is not None and (scores.n_correct, scores.n) != (right, n):
        said = (
            f"it tells {right} of {n} test examples right, and the run's record says {scores.n_correct} of {scores.n}"
        )
        raise _damaged(path, f"{said}: it is another run's")


def _as_written(path: Path) -> bytes:
    """A file's content, which must be what the run wrote there, where it kept a sum of it."""
    content = path.read_bytes()
    if not is_as_written(path, content):
        raise _damaged(path, "its sha256 is another than when it was written")
    return content


def _missing(path: Path, error: OSError) -> InputError:
    return InputError(f"{path.name} of the run cannot be read: {error.strerror}", place=str(path), hint=_HINT)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path.name} of the run is damaged: {what}", place=str(path), hint=_HINT)
