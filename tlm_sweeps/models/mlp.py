"""A multilayer perceptron over a whole window: two hidden layers, as in the study. It knows nothing of training."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from tlm_sweeps.spec.models import MlpModel, width_of


class Mlp(nn.Module):
    """Embedding → flatten → two hidden layers, each with its activation and dropout → head."""

    def __init__(self, model: MlpModel, vocabulary_size: int) -> None:
        super().__init__()
        width, hidden = width_of(model), model.hidden
        activation = {"relu": nn.ReLU, "gelu": nn.GELU}[model.activation]
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.layers = nn.Sequential(
            nn.Linear(model.context * width, hidden),
            activation(),
            nn.Dropout(model.dropout),
            nn.Linear(hidden, hidden),
            activation(),
            nn.Dropout(model.dropout),
            nn.Linear(hidden, vocabulary_size),
        )

    def forward(self, tokens: Int[Tensor, "b t"], predict: Literal["last"]) -> Float[Tensor, "b v"]:
        """Logits of the token that follows the window, which must be `context` tokens long."""
        del predict
        return self.layers(self.embedding(tokens).flatten(1))
