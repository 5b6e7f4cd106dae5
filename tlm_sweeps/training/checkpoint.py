"""A run on disk: safetensors for what is large, JSON for the rest, one sha256 over both. No pickles.

Files are written under another name, synced and renamed, the JSON last: a checkpoint whose JSON exists is whole, and
the hash tells whether it still is. The two newest are kept. Which run may use a folder is for the caller to say.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_of_tensors
from torch import Tensor

from tlm_sweeps.compute.facts import plain_facts
from tlm_sweeps.errors import RunError
from tlm_sweeps.runs.record import Measurement
from tlm_sweeps.training.files import sync_folder, write_whole
from tlm_sweeps.training.job import Text, TrainingJob
from tlm_sweeps.training.state import CPU, Best, RunState, live_weights, set_weights, start

_LOG = logging.getLogger(__name__)

KEPT = 2
"""Checkpoints that stay in the folder: the newest, and one to fall back on."""


@dataclass(frozen=True)
class SavedCheckpoint:
    """What must be remembered of a checkpoint, so that nothing else can pass for it."""

    name: str
    """Of its two files, without `.safetensors` and `.json`."""
    sha256: str
    """Over the content of both."""
    step: int


class DamagedCheckpoint(RunError):
    """A checkpoint's files are torn, altered or gone."""


def save(state: RunState, folder: Path) -> SavedCheckpoint:
    """Write the run as it is now and drop all but this checkpoint and the one before it.

    Later ones are dropped too: they could not be read when this run resumed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{state.step:09d}"
    tensors, facts = bytes_of_tensors(_tensors(state)), _facts(state)
    sha256 = _sha256(tensors, facts)
    write_whole(folder / f"{name}.safetensors", tensors)
    write_whole(folder / f"{name}.json", json.dumps(facts).encode())
    sync_folder(folder)
    kept = [each for each in _names(folder) if each <= name][:KEPT]
    for old in set(_names(folder)).difference(kept):
        (folder / f"{old}.json").unlink()
        (folder / f"{old}.safetensors").unlink(missing_ok=True)
    return SavedCheckpoint(name, sha256, state.step)


def load(job: TrainingJob, corpus: Text, folder: Path, saved: SavedCheckpoint, device: torch.device = CPU) -> RunState:
    """The run as it was when this checkpoint was saved.

    Raises:
        DamagedCheckpoint: the files are not those that were saved; the message names them.
        RunError: they belong to another job or corpus.
    """
    tensors, facts = _verified(folder / saved.name, saved.sha256)
    if facts["identity"] != _identity(job, corpus):
        place = str(folder / f"{saved.name}.json")
        raise RunError("the checkpoint belongs to another experiment, seed or corpus", place=place)
    state = start(job, corpus, device)
    set_weights(state.module, _part(tensors, "model"))
    with torch.no_grad():
        for name, each in _moments(state).items():
            each.copy_(tensors[name])
    state.loss_sum.copy_(tensors["loss_sum"])
    state.step, state.wall_seconds = facts["step"], facts["wall_seconds"]
    state.measurements = [Measurement.model_validate(each) for each in facts["measurements"]]
    if facts["best"] is not None:
        best_weights = {name: each.to(device) for name, each in _part(tensors, "best").items()}
        state.best = Best(**facts["best"], weights=best_weights or None)
    return state


def load_newest_whole(
    job: TrainingJob,
    corpus: Text,
    folder: Path,
    saved: Iterable[SavedCheckpoint],
    device: torch.device = CPU,
) -> RunState | None:
    """The run at the first of these checkpoints (newest first) that is whole, or None where none is.

    A damaged one is named in the log and passed over.

    Raises:
        RunError: a checkpoint belongs to another job or corpus.
    """
    for each in saved:
        try:
            return load(job, corpus, folder, each, device)
        except DamagedCheckpoint as error:
            _LOG.warning("%s", error)
    return None


def save_model(state: RunState, folder: Path) -> tuple[Path, Path]:
    """Write the weights that the run ends with and what is needed to build their module.

    Returns:
        `model.safetensors`, by parameter name; `model.json`: the experiment, the seed and the vocabulary's size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights, description = folder / "model.safetensors", folder / "model.json"
    write_whole(weights, bytes_of_tensors(_on_cpu(state.final_weights)))
    write_whole(description, json.dumps(_identity(state.job, state.corpus), indent=2).encode())
    sync_folder(folder)
    return weights, description


def _tensors(state: RunState) -> dict[str, Tensor]:
    tensors = {f"model/{name}": each.detach() for name, each in live_weights(state.module).items()}
    if state.best is not None and state.best.weights is not None:
        tensors |= {f"best/{name}": each for name, each in state.best.weights.items()}
    return _on_cpu(tensors | _moments(state) | {"loss_sum": state.loss_sum})


def _moments(state: RunState) -> dict[str, Tensor]:
    """The optimizer's tensors by name: the live ones, so that a resumed run can copy into them."""
    return {
        f"{what}/{name}": each
        for group in state.optimizer
        for what, tensors in (("mean", group.means), ("square", group.squares), ("count", group.counts))
        for name, each in zip(group.names, tensors, strict=True)
    }


def _facts(state: RunState) -> dict[str, Any]:
    return {
        "identity": _identity(state.job, state.corpus),
        "step": state.step,
        "wall_seconds": state.wall_seconds,
        "measurements": [each.model_dump(mode="json") for each in state.measurements],
        "best": None if state.best is None else {"step": state.best.step, "val_nll": state.best.val_nll},
    }


def _identity(job: TrainingJob, corpus: Text) -> dict[str, Any]:
    begun_with = {"first_weights": job.first_weights.sha256} if job.first_weights else {}
    return {
        "experiment": job.experiment.model_dump(mode="json"),
        "seed": job.seed,
        "steps": asdict(job.steps),
        "corpus": plain_facts(corpus.facts),
        **begun_with,
    }


def _verified(stem: Path, sha256: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What the two files hold, if they are those of the checkpoint with this hash."""
    try:
        content, facts = Path(f"{stem}.safetensors").read_bytes(), json.loads(Path(f"{stem}.json").read_bytes())
    except (OSError, ValueError) as error:
        raise DamagedCheckpoint(f"the checkpoint cannot be read: {error}", place=str(stem)) from error
    found = _sha256(content, facts)
    if found != sha256:
        raise DamagedCheckpoint(
            f"the checkpoint is damaged: its sha256 is {found[:12]}…, not {sha256[:12]}…", place=f"{stem}.safetensors"
        )
    return tensors_from_bytes(content), facts


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): each for name, each in tensors.items() if name.startswith(f"{prefix}/")}


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: each.cpu() for name, each in tensors.items()}


def _sha256(tensors: bytes, facts: dict[str, Any]) -> str:
    return hashlib.sha256(tensors + json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _names(folder: Path) -> list[str]:
    """Names of the folder's checkpoints, the newest first."""
    return sorted((each.stem for each in folder.glob("step-*.json")), reverse=True)
