"""The smallest model: embed a window, flatten it, one linear layer. It knows nothing of training or losses."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Dense, Precision, lowered
from tlm_sweeps.spec.models import LinearModel, width_of


class Linear(LanguageModel):
    """Embedding → flatten → one linear layer: a bilinear score for each token at each place of the window."""

    def __init__(self, model: LinearModel, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        width = width_of(model)
        self.precision: Precision = precision
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.head = Dense(model.context * width, vocabulary_size)

    def features(self, tokens: Int[Tensor, "b t"], predict: Predict) -> Float[Tensor, "b f"]:
        """What the head sees of a window, which must be `context` tokens long; its last position is all there is."""
        del predict
        return lowered(self.embedding(tokens).flatten(1), self.precision)
