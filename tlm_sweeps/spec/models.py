"""The model families as data: linear → MLP → attention → transformer, each with its options and nothing else."""

from __future__ import annotations

from typing import Literal

from tlm_sweeps.spec.fields import Count, Part, Positive, Rate

DropoutPlace = Literal["embedding", "attention", "ffn", "residual"]


class WindowModel(Part):
    """What every family has: it reads a window of tokens through an embedding table."""

    width: Count | None = None
    """Size of a token's vector (d_model). Left out only where the budget solves it (`match: width`)."""
    context: Count = 128
    """Window length in tokens. 128 is the study's."""


class LinearModel(WindowModel):
    """Embedding → flatten → one linear layer. Predicts the token after the window (`predict: last`)."""

    kind: Literal["linear"]
    """The family."""


class MlpModel(WindowModel):
    """Embedding → flatten → two hidden layers → head. Predicts the token after the window (`predict: last`)."""

    kind: Literal["mlp"]
    """The family."""
    hidden: Count = 256
    """Units in each of the two hidden layers."""
    activation: Literal["relu", "gelu"] = "relu"
    """Nonlinearity after each hidden layer."""
    dropout: Rate = 0.0
    """Share of hidden units dropped after each activation while training."""


class BlockModel(WindowModel):
    """What the attention model and the transformer share: the block and all its options."""

    heads: Count = 4
    """Attention heads; must divide the width."""
    kv_heads: Count | None = None
    """Key and value heads (grouped-query attention); must divide `heads`. Default: as many as `heads`."""
    ffn_width: Count | None = None
    """Units in the feed-forward layer. Default: `ffn_ratio` × width."""
    ffn_ratio: Positive | None = None
    """Feed-forward units as a multiple of the width. Default 4, and 8/3 for swiglu (equal parameters)."""
    norm_placement: Literal["post", "pre"] = "pre"
    """Normalise after the residual sum (`post`, the study's) or before each sublayer (`pre`)."""
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    """Normalisation; rmsnorm has a gain and no bias."""
    activation: Literal["relu", "gelu", "swiglu"] = "gelu"
    """Nonlinearity of the feed-forward layer; swiglu has a third matrix, the gate."""
    positions: Literal["learned", "rope", "sinusoidal", "none"] = "learned"
    """How positions enter: a learned table, rotation of q and k, fixed sinusoids, or not at all."""
    tied_head: bool = False
    """Whether the output head shares the embedding table's weights."""
    biases: bool = True
    """Whether linear layers and layer norms have biases."""
    dropout: Rate = 0.0
    """Share dropped while training, at each of `dropout_at`. 0: runs at small budgets see no token twice."""
    dropout_at: tuple[DropoutPlace, ...] = ("attention", "ffn", "residual")
    """Where dropout acts: `embedding`; `attention` weights; end of the `ffn`; each `residual` branch."""


class AttentionModel(BlockModel):
    """One transformer block: the study's "self-attention" model."""

    kind: Literal["attention"]
    """The family."""


class TransformerModel(BlockModel):
    """A decoder-only transformer."""

    kind: Literal["transformer"]
    """The family."""
    depth: Count = 3
    """Number of blocks."""


NextTokenModel = LinearModel | MlpModel | AttentionModel | TransformerModel
"""The families that predict the token after what they read."""


def depth_of(model: BlockModel) -> int:
    """Number of blocks: the attention model has one."""
    return model.depth if isinstance(model, TransformerModel) else 1


def kv_heads_of(model: BlockModel) -> int:
    """Key and value heads; as many as query heads unless grouped."""
    return model.heads if model.kv_heads is None else model.kv_heads


def ffn_width_of(model: BlockModel) -> int:
    """Units of the feed-forward layer, for a model whose width is known."""
    if model.ffn_width is not None:
        return model.ffn_width
    ratio = model.ffn_ratio or (8 / 3 if model.activation == "swiglu" else 4.0)
    return max(1, round(ratio * width_of(model)))


def width_of(model: WindowModel) -> int:
    """The width, which must be given or solved by now."""
    if model.width is None:
        raise ValueError("model.width is not given and has not been solved")
    return model.width
