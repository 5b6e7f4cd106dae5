"""What stands on an encoder: a masked language model, or a classifier. They know nothing of masking, losses or labels.

In both the encoder is `encoder`, so that the weights of one become the other's by their names.
"""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tlm_sweeps.models.dropping import Dropout
from tlm_sweeps.models.encoder import NORM_EPSILON, Encoder, begin_as_bert
from tlm_sweeps.models.layers import Dense, LayerNorm, Precision
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.models import width_of


class MaskedLanguageModel(nn.Module):
    """Encoder → dense → GELU → norm → decoder, whose weights are the table of words."""

    def __init__(self, model: BertModel, vocabulary_size: int, precision: Precision = "fp32") -> None:
        super().__init__()
        width = width_of(model)
        self.encoder = Encoder(model, vocabulary_size, precision)
        self.transform = Dense(width, width)
        self.norm = LayerNorm(width, eps=NORM_EPSILON)
        begin_as_bert(self.transform)
        self.head = Dense(width, vocabulary_size)
        self.head.weight = self.encoder.embeddings.words.weight
        nn.init.zeros_(self.head.bias)

    def masked_features(
        self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"], places: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q d"]:
        """What `head` sees of the places that are predicted.

        Args:
            tokens: masked already; at most `context` of them in a window.
            is_real: False where a token is padding; a window has at least one that is none.
            places: the predicted ones, as many of each window.
        """
        return self.norm(functional.gelu(self.transform(self.encoder(tokens, is_real, places))))

    def forward(
        self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"], places: Int[Tensor, "b q"]
    ) -> Float[Tensor, "b q v"]:
        """Logits of the pieces at the predicted places; in bf16 they are bfloat16."""
        return self.head(self.masked_features(tokens, is_real, places))


class Classifier(nn.Module):
    """Encoder → pooler (dense and tanh of the first place) → dropout → dense: a logit for each label."""

    def __init__(self, model: BertModel, vocabulary_size: int, labels: int, precision: Precision = "fp32") -> None:
        super().__init__()
        width = width_of(model)
        self.encoder = Encoder(model, vocabulary_size, precision)
        self.pooler = Dense(width, width)
        self.dropout = Dropout(model.dropout)
        self.head = Dense(width, labels)
        begin_as_bert(self.pooler)
        begin_as_bert(self.head)

    def labels(self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"]) -> Float[Tensor, "b n"]:
        """Logits of the labels; in bf16 they are bfloat16. The first token of a window is none of padding."""
        return self._told(self.encoder(tokens, is_real, tokens.new_zeros(len(tokens), 1)))

    def labels_by_whole_blocks(self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"]) -> Float[Tensor, "b n"]:
        """The same logits, with a last block that computes every place although the first alone is read.

        This is what BERT classifiers do elsewhere (`transformers.BertModel`), and the study's did. A model of one block
        pays for it most.
        """
        return self._told(self.encoder(tokens, is_real, None))

    def _told(self, features: Float[Tensor, "b q d"]) -> Float[Tensor, "b n"]:
        return self.head(self.dropout(self.pooler(features[:, 0]).tanh()))

    def forward(self, tokens: Int[Tensor, "b t"], is_real: Bool[Tensor, "b t"]) -> Float[Tensor, "b n"]:
        """As `labels`."""
        return self.labels(tokens, is_real)
