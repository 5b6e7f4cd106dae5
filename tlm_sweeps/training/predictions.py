"""What the weights that a run ends with say of each example: its logits, kept in the run's folder.

So committees are formed of any runs afterwards, and scores are counted again, without a model.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from jaxtyping import Float, Int
from safetensors.torch import save as bytes_of_tensors
from torch import Tensor

from tlm_sweeps.runs.label_scores import label_scores
from tlm_sweeps.runs.record import LabelScores
from tlm_sweeps.training.evaluation import Evaluation, evaluate
from tlm_sweeps.training.examples import Examples
from tlm_sweeps.training.files import sync_folder, write_whole
from tlm_sweeps.training.state import RunState

FILE = "predictions.safetensors"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits and labels of the examples that a run is judged on, in the order of the labelled set; on the CPU."""

    valid_logits: Float[Tensor, "v labels"]
    valid_labels: Int[Tensor, " v"]
    test_logits: Float[Tensor, "n labels"]
    test_labels: Int[Tensor, " n"]

    @property
    def test_scores(self) -> LabelScores:
        """How well the test examples are told apart; of equal logits the first counts."""
        told = self.test_logits.argmax(1)
        return label_scores(told.tolist(), self.test_labels.tolist(), self.test_logits.shape[1])


def predictions_of(state: RunState, test: Evaluation) -> Predictions | None:
    """What the module of a run says of the valid and test examples; None where it tells no labels apart.

    Args:
        state: its module holds the weights that the run ends with.
        test: their evaluation on test, so that it is not read twice.
    """
    valid, tested = state.valid, state.split("test")
    if test.logits is None or not isinstance(valid, Examples) or not isinstance(tested, Examples):
        return None
    logits = evaluate(state.module, valid, state.job.experiment).logits
    assert logits is not None  # of examples there always are
    return Predictions(logits.cpu(), valid.labels.cpu(), test.logits.cpu(), tested.labels.cpu())


def save_predictions(predictions: Predictions, folder: Path) -> Path:
    """Write them to `predictions.safetensors`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {each.name: getattr(predictions, each.name).contiguous() for each in fields(predictions)}
    write_whole(folder / FILE, bytes_of_tensors(tensors))
    sync_folder(folder)
    return folder / FILE
