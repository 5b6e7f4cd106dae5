"""A multilayer perceptron over a whole window: two hidden layers, as in the study. It knows nothing of training."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.dropping import Dropout
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.layers import Dense, Precision, lowered
from tlm_sweeps.spec.models import MlpModel, width_of


class Mlp(LanguageModel):
    """Embedding → flatten → two hidden layers, each with its activation and dropout → head."""

    def __init__(self, model: MlpModel, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        width, hidden = width_of(model), model.hidden
        activation = {"relu": nn.ReLU, "gelu": nn.GELU}[model.activation]
        self.precision: Precision = precision
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.hidden_layers = nn.Sequential(
            Dense(model.context * width, hidden),
            activation(),
            Dropout(model.dropout),
            Dense(hidden, hidden),
            activation(),
            Dropout(model.dropout),
        )
        self.head = Dense(hidden, vocabulary_size)

    def features(self, tokens: Int[Tensor, "b t"], predict: Predict) -> Float[Tensor, "b f"]:
        """What the head sees of a window, which must be `context` tokens long; its last position is all there is."""
        del predict
        return self.hidden_layers(lowered(self.embedding(tokens).flatten(1), self.precision))
