"""The smallest model: embed a window, flatten it, one linear layer. It knows nothing of training or losses."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from tlm_sweeps.spec.models import LinearModel, width_of


class Linear(nn.Module):
    """Embedding → flatten → one linear layer: a bilinear score for each token at each place of the window."""

    def __init__(self, model: LinearModel, vocabulary_size: int) -> None:
        super().__init__()
        width = width_of(model)
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.head = nn.Linear(model.context * width, vocabulary_size)

    def forward(self, tokens: Int[Tensor, "b t"], predict: Literal["last"]) -> Float[Tensor, "b v"]:
        """Logits of the token that follows the window, which must be `context` tokens long."""
        del predict
        return self.head(self.embedding(tokens).flatten(1))
