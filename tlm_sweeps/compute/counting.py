"""Parameters and FLOPs of every model that predicts the next token, in closed form, from the spec alone.

Conventions (see docs/decisions/0001-accounts.md):

- `matmul`: multiply-adds of matrix products count 2, nothing else counts. The backward pass costs twice the forward
  pass (one product for the inputs' gradient, one for the weights'). Attention is counted as it is computed, T × T and
  not halved for causality. With `predict: last` the last block computes queries, attention, projection and
  feed-forward for one position only, and so does the head.
- `6nd`: 6 · non-embedding parameters · positions (Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022,
  arXiv 2203.15556). Non-embedding leaves out the token and position tables; an untied head is counted, since it
  multiplies.
- `2nd`: 2 · parameters · positions (arXiv 2512.20877).

Every account is proportional to the number of windows: a run's cost is windows × cost of one window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from tlm_sweeps.spec.models import (
    AttentionModel,
    BlockModel,
    LinearModel,
    MlpModel,
    NextTokenModel,
    TransformerModel,
    depth_of,
    ffn_width_of,
    kv_heads_of,
    width_of,
)

Predict = Literal["last", "all"]


@dataclass(frozen=True)
class TrainFlops:
    """Training FLOPs in the three accounts."""

    matmul: int
    six_nd: int
    two_nd: int

    def of(self, account: Literal["matmul", "6nd", "2nd"]) -> int:
        """The count in one account."""
        match account:
            case "matmul":
                return self.matmul
            case "6nd":
                return self.six_nd
            case "2nd":
                return self.two_nd
            case _:
                assert_never(account)

    def times(self, windows: int) -> TrainFlops:
        """The cost of so many windows, from the cost of one."""
        return TrainFlops(self.matmul * windows, self.six_nd * windows, self.two_nd * windows)

    def by_name(self) -> dict[str, int]:
        """As records hold it: `{"matmul": …, "6nd": …, "2nd": …}`."""
        return {"matmul": self.matmul, "6nd": self.six_nd, "2nd": self.two_nd}


def n_params(model: NextTokenModel, vocabulary_size: int) -> int:
    """Trainable parameters, embeddings included, a tied head counted once.

    >>> n_params(LinearModel(kind="linear", width=128, context=128), 65)
    1073345
    """
    width = width_of(model)
    table = vocabulary_size * width
    match model:
        case LinearModel():
            return table + _linear(model.context * width, vocabulary_size)
        case MlpModel():
            hidden = model.hidden
            layers = _linear(model.context * width, hidden) + _linear(hidden, hidden)
            return table + layers + _linear(hidden, vocabulary_size)
        case AttentionModel() | TransformerModel():
            head_bias = vocabulary_size * model.biases
            head = head_bias if model.tied_head else width * vocabulary_size + head_bias
            blocks = depth_of(model) * _block_params(model)
            return table + _position_params(model) + blocks + _norm_params(model) + head
        case _:
            assert_never(model)


def n_params_non_embedding(model: NextTokenModel, vocabulary_size: int) -> int:
    """Parameters without the token and position tables; an untied head stays, since it multiplies.

    >>> n_params_non_embedding(LinearModel(kind="linear", width=128, context=128), 65)
    1065025
    """
    positions = _position_params(model) if isinstance(model, BlockModel) else 0
    return n_params(model, vocabulary_size) - vocabulary_size * width_of(model) - positions


def forward_flops_per_window(model: NextTokenModel, vocabulary_size: int, predict: Predict) -> int:
    """Matrix-multiply FLOPs of one window's forward pass, scoring its last position or all of them."""
    width = width_of(model)
    match model:
        case LinearModel():
            return 2 * model.context * width * vocabulary_size
        case MlpModel():
            hidden = model.hidden
            return 2 * hidden * (model.context * width + hidden + vocabulary_size)
        case AttentionModel() | TransformerModel():
            scored = model.context if predict == "all" else 1
            full_blocks = (depth_of(model) - 1) * _block_flops(model, model.context)
            return full_blocks + _block_flops(model, scored) + 2 * width * vocabulary_size * scored
        case _:
            assert_never(model)


def train_flops_per_window(model: NextTokenModel, vocabulary_size: int, predict: Predict) -> TrainFlops:
    """Training FLOPs of one window (forward and backward) in the three accounts."""
    positions = model.context
    return TrainFlops(
        matmul=3 * forward_flops_per_window(model, vocabulary_size, predict),
        six_nd=6 * n_params_non_embedding(model, vocabulary_size) * positions,
        two_nd=2 * n_params(model, vocabulary_size) * positions,
    )


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> int:
    return inputs * outputs + outputs * bias


def _position_params(model: BlockModel) -> int:
    return model.context * width_of(model) if model.positions == "learned" else 0


def _norm_params(model: BlockModel) -> int:
    has_bias = model.norm == "layernorm" and model.biases
    return width_of(model) * (1 + has_bias)


def _kv_width(model: BlockModel) -> int:
    return width_of(model) // model.heads * kv_heads_of(model)


def _block_params(model: BlockModel) -> int:
    width, kv_width, ffn_width = width_of(model), _kv_width(model), ffn_width_of(model)
    attention = 2 * _linear(width, width, bias=model.biases) + 2 * _linear(width, kv_width, bias=model.biases)
    ways_in = 2 if model.activation == "swiglu" else 1
    ffn = ways_in * _linear(width, ffn_width, bias=model.biases) + _linear(ffn_width, width, bias=model.biases)
    return attention + ffn + 2 * _norm_params(model)


def _block_flops(model: BlockModel, queries: int) -> int:
    """Forward FLOPs of a block that computes `queries` positions of its output from the whole window."""
    width, kv_width, ffn_width, context = width_of(model), _kv_width(model), ffn_width_of(model), model.context
    key_value = 2 * context * width * 2 * kv_width
    query_and_out = 2 * queries * width * 2 * width
    scores_and_sums = 2 * queries * context * width * 2
    matrices = 3 if model.activation == "swiglu" else 2
    return key_value + query_and_out + scores_and_sums + 2 * queries * width * ffn_width * matrices
