"""What a batch asks of a processor, counted part by part from the spec: the terms of which a prediction is the sum.

FLOPs alone do not tell time: a tiny model waits for its kernels to be launched, a narrow one for memory, a small head
for vectors that it does not fill. So each kind of work is counted by itself and priced by itself (`compute.rates`).
Counts are of the forward pass; what the backward pass and the optimizer add is in the price.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from tlm_sweeps.compute.encoder_counting import MaskedTokens
from tlm_sweeps.compute.encoder_likeness import image_channels, like
from tlm_sweeps.compute.goals import Goal, forward_flops_per_window, n_params, outcomes_of, targets_per_window
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.families import ModelSpec
from tlm_sweeps.spec.models import (
    AttentionModel,
    BlockModel,
    LinearModel,
    MlpModel,
    TransformerModel,
    depth_of,
    ffn_width_of,
    kv_heads_of,
    width_of,
)

_LANES = 16
"""Numbers that a vector register holds: a head of 9 is computed as one of 16."""
_HALF = 8


class Work(NamedTuple):
    """Amounts of work by kind; as prices, seconds for one of each. A tuple, because a plan adds up millions."""

    batches: float = 0.0
    """What costs the same whatever the batch."""
    layers: float = 0.0
    """Layers that multiply, and norms: each launches a few kernels."""
    clipped_layers: float = 0.0
    """The same once more where gradients are clipped."""
    parameters: float = 0.0
    """Weights that the optimizer moves."""
    matmul_flops: float = 0.0
    """Of the layers that multiply, attention's own products aside."""
    matmul_numbers: float = 0.0
    """Inputs, weights and outputs of those products."""
    ragged: float = 0.0
    """Those of them whose products have a side that no whole number of half registers covers."""
    activations: float = 0.0
    """Numbers that norms, residual sums, rectifiers and attention read."""
    curved: float = 0.0
    """Numbers that go through a GELU or a SiLU."""
    dropped: float = 0.0
    """Numbers that dropout may zero."""
    scores: float = 0.0
    """Attention scores: query by key, in each head."""
    attention_flops: float = 0.0
    """Of scores and weighted sums, heads widened to whole vectors."""
    logits: float = 0.0
    """Numbers that the loss's softmax reads."""
    tokens: float = 0.0
    """Tokens of the windows."""
    gathered: float = 0.0
    """Numbers that they are looked up as in the embedding table."""

    def times(self, count: float) -> Work:
        """So often the same."""
        return Work(*(count * each for each in self))


def together(*parts: Work) -> Work:
    """All of it."""
    return Work(*map(sum, zip(*parts, strict=True)))


def work_of_batch(model: ModelSpec, vocabulary_size: int, score: Goal, windows: float, *, clipped: bool) -> Work:
    """What one batch asks.

    Args:
        model: its width given.
        vocabulary_size: kinds of tokens.
        score: where in each window logits are wanted.
        windows: of the batch; a fraction where the batches of a run are averaged.
        clipped: whether a step clips its gradients.
    """
    width = width_of(model)
    match model:
        case LinearModel():
            layers = _dense(windows, model.context * width, vocabulary_size)
            outputs = windows
        case MlpModel():
            layers = together(_mlp(model, windows), _dense(windows, model.hidden, vocabulary_size))
            outputs = windows
        case AttentionModel() | TransformerModel():
            outputs = windows * targets_per_window(model, score)
            full = _block(model, windows, model.context).times(depth_of(model) - 1)
            last = _block(model, windows, outputs / windows)
            head = _dense(outputs, width, vocabulary_size)
            layers = together(full, last, head, Work(layers=2, activations=outputs * width))
        case BertModel():
            outputs = windows * targets_per_window(model, score)
            full = _block(like(model), windows, model.context).times(model.depth - 1)
            last = _block(like(model), windows, outputs / windows)
            head = together(_dense(outputs, width, width), _dense(outputs, width, outcomes_of(score, vocabulary_size)))
            layers = together(full, last, head, _ends_of_encoder(model, windows, outputs))
        case _:
            assert_never(model)
    rest = Work(
        batches=1,
        clipped_layers=layers.layers if clipped else 0,
        parameters=n_params(model, vocabulary_size, score),
        logits=outputs * outcomes_of(score, vocabulary_size),
        tokens=windows * model.context,
        gathered=windows * model.context * width,
    )
    return together(layers, rest)


def _dense(rows: float, inputs: int, outputs: int) -> Work:
    numbers = rows * (inputs + outputs) + inputs * outputs
    return Work(
        layers=1,
        matmul_flops=2 * rows * inputs * outputs,
        matmul_numbers=numbers,
        ragged=numbers if inputs % _HALF or outputs % _HALF else 0,
    )


def _ends_of_encoder(model: BertModel, windows: float, outputs: float) -> Work:
    """Norms before and after the blocks, and the convolutions between: priced as products with as many FLOPs."""
    numbers = windows * model.context * width_of(model)
    images = numbers * image_channels(model)
    layers = 0 if model.convolution is None else model.convolution.layers + 1
    plain = model.model_copy(update={"convolution": None})
    own_flops = _encoder_flops(model) - _encoder_flops(plain)
    return Work(
        layers=3 + 2 * layers,
        matmul_flops=windows * own_flops,
        matmul_numbers=2 * images,
        activations=numbers + 2 * outputs * width_of(model) + 2 * images,
        curved=images + outputs * width_of(model),
        dropped=numbers if model.dropout else 0,
    )


def _encoder_flops(model: BertModel) -> int:
    return forward_flops_per_window(model, 1, MaskedTokens(1))


def _mlp(model: MlpModel, rows: float) -> Work:
    numbers = 2 * rows * model.hidden
    inward = _dense(rows, model.context * width_of(model), model.hidden)
    between = Work(
        activations=numbers,
        curved=numbers if model.activation == "gelu" else 0,
        dropped=numbers if model.dropout else 0,
    )
    return together(inward, _dense(rows, model.hidden, model.hidden), between)


def _block(model: BlockModel, windows: float, queries: float) -> Work:
    """A block that computes so many positions of its output from whole windows."""
    width, context, ffn_width = width_of(model), model.context, ffn_width_of(model)
    kv_width = width // model.heads * kv_heads_of(model)
    rows, wanted = windows * context, windows * queries
    ways_in = 2 if model.activation == "swiglu" else 1
    if queries == context:
        projected = _dense(rows, width, width + 2 * kv_width)
    else:
        projected = together(_dense(wanted, width, width), _dense(rows, width, 2 * kv_width))
    scores = windows * model.heads * queries * context
    padded_head = -(-(width // model.heads) // _LANES) * _LANES
    between = Work(
        layers=2,
        # Norms and sums; attention reads every key and value however few ask.
        activations=rows * (width + 2 * kv_width)
        + wanted * (4 * width + ways_in * ffn_width)
        + _rotated(model, rows, kv_width),
        curved=0 if model.activation == "relu" else wanted * ffn_width,
        dropped=_dropped(model, wanted, scores),
        scores=scores,
        attention_flops=4 * scores * padded_head,
    )
    return together(
        projected,
        _dense(wanted, width, width),
        _dense(wanted, width, ways_in * ffn_width),
        _dense(wanted, ffn_width, width),
        between,
    )


def _rotated(model: BlockModel, rows: float, kv_width: int) -> float:
    """Numbers that RoPE's products, sums and concatenation of queries and keys read."""
    return 4 * rows * (width_of(model) + kv_width) if model.positions == "rope" else 0


def _dropped(model: BlockModel, wanted: float, scores: float) -> float:
    if model.dropout == 0:
        return 0
    width, places = width_of(model), model.dropout_at
    return (
        scores * ("attention" in places)
        + wanted * width * ("ffn" in places)
        + 2 * wanted * width * ("residual" in places)
    )
