"""What every architecture here is: features of a window, and a head that makes logits of them."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from tlm_sweeps.compute.counting import Predict
from tlm_sweeps.models.layers import Dense, Precision


class LanguageModel(nn.Module):
    """Called as `model(tokens, predict)`. Its weights are float32 whatever it computes in."""

    precision: Precision
    head: Dense

    @abstractmethod
    def features(self, tokens: Int[Tensor, "b t"], predict: Predict) -> Float[Tensor, "b f"] | Float[Tensor, "b t f"]:
        """What the head sees of a window: (b, t, f) with `all`, and (b, f) with `last`, the only one of some models."""

    def forward(self, tokens: Int[Tensor, "b t"], predict: Predict) -> Float[Tensor, "b v"] | Float[Tensor, "b t v"]:
        """Logits of the token after each position, or after the last one only; in bf16 they are bfloat16.

        Args:
            tokens: at most `context` of them in a window; linear and MLP models need just as many.
            predict: `all` gives (b, t, v), `last` gives (b, v).
        """
        return self.head(self.features(tokens, predict))
