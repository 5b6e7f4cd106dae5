"""Parameters and FLOPs of BERT-style encoders, in closed form, from the spec alone.

The conventions are those of `compute.counting` (docs/decisions/0001-accounts.md). What an encoder adds to them:

- The last block computes keys and values for the whole window, but queries, attention, projection and feed-forward
  only for the places that are asked for: the predicted ones, or the first, which a classifier reads. So do the heads.
- A convolution is counted as it is computed: a product for each output number, kernel place and pair of channels, those
  with the zeros around the window included. `same` keeps tokens × width whatever the kernel; one of even size reaches
  one further to the right and costs no more for it. Batch norm is counted no more than other norms.
- The backward pass costs twice the forward pass here too: the embeddings in front have weights to learn, so the first
  product and the first convolution need the gradient of their input like all others.
- `6nd` leaves out the three tables (pieces, positions, token types) and with them the tied decoder; its bias stays. A
  convolution uses its weights once for each hidden dimension, which neither `6nd` nor `2nd` sees: those two
  undercount it by about the width.

Padding flows through the model and is counted; a window has `context` positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from tlm_sweeps.compute.counting import TrainFlops
from tlm_sweeps.spec.encoders import BertModel, ConvolutionSpec, encoder_ffn_width_of
from tlm_sweeps.spec.models import width_of

TOKEN_TYPES = 2
"""Rows of BERT's table of token types, though a window of one passage uses only the first."""


@dataclass(frozen=True)
class MaskedTokens:
    """Predict pieces at some places of a window: the masked ones."""

    places: int
    """Predicted places of each window, the same in all."""


@dataclass(frozen=True)
class Labels:
    """Tell one of several labels from what the encoder makes of a window's first piece."""

    count: int
    """Labels that are told apart."""


Task = MaskedTokens | Labels
"""What stands on an encoder, and so what it must compute."""


def n_params_encoder(model: BertModel, vocabulary_size: int) -> int:
    """Trainable parameters of embeddings, convolutions and blocks, without any head.

    >>> n_params_encoder(BertModel(kind="bert", width=768), 30522)
    66069504
    """
    norm = 2 * width_of(model)
    return (
        _table_params(model, vocabulary_size) + norm + _convolution_params(model) + model.depth * _block_params(model)
    )


def n_params(model: BertModel, vocabulary_size: int, task: Task) -> int:
    """Trainable parameters with the head of a task, a tied decoder counted once.

    >>> n_params(BertModel(kind="bert", width=768), 30522, Labels(64))
    66709312
    """
    return n_params_encoder(model, vocabulary_size) + _head_params(model, vocabulary_size, task)


def n_params_non_embedding(model: BertModel, vocabulary_size: int, task: Task) -> int:
    """Parameters without the three tables; the tied decoder is one of them, its bias is not."""
    return n_params(model, vocabulary_size, task) - _table_params(model, vocabulary_size)


def forward_flops_per_window(model: BertModel, vocabulary_size: int, task: Task) -> int:
    """Matrix-multiply and convolution FLOPs of one window's forward pass."""
    asked = _places(task)
    full_blocks = (model.depth - 1) * _block_flops(model, model.context)
    head = _head_flops(model, vocabulary_size, task)
    return _convolution_flops(model) + full_blocks + _block_flops(model, asked) + head


def forward_flops_of_whole_blocks(model: BertModel, vocabulary_size: int, task: Task) -> int:
    """The same where the last block computes every place, as BERT does elsewhere, although a few are read."""
    spared = _block_flops(model, model.context) - _block_flops(model, _places(task))
    return forward_flops_per_window(model, vocabulary_size, task) + spared


def train_flops_per_window(model: BertModel, vocabulary_size: int, task: Task) -> TrainFlops:
    """Training FLOPs of one window (forward and backward, every weight trained) in the three accounts."""
    return TrainFlops(
        matmul=3 * forward_flops_per_window(model, vocabulary_size, task),
        six_nd=6 * n_params_non_embedding(model, vocabulary_size, task) * model.context,
        two_nd=2 * n_params(model, vocabulary_size, task) * model.context,
    )


def _places(task: Task) -> int:
    return task.places if isinstance(task, MaskedTokens) else 1


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _table_params(model: BertModel, vocabulary_size: int) -> int:
    return (vocabulary_size + model.context + TOKEN_TYPES) * width_of(model)


def _block_params(model: BertModel) -> int:
    width, ffn_width = width_of(model), encoder_ffn_width_of(model)
    norms = 2 * 2 * width
    return 4 * _linear(width, width) + _linear(width, ffn_width) + _linear(ffn_width, width) + norms


def _convolution_params(model: BertModel) -> int:
    if model.convolution is None:
        return 0
    channels = _channels(model.convolution)
    norms = 2 * sum(channels[1:])
    return _kernel_weights(model.convolution) + sum(channels[1:]) + norms


def _head_params(model: BertModel, vocabulary_size: int, task: Task) -> int:
    width = width_of(model)
    match task:
        case MaskedTokens():
            return _linear(width, width) + 2 * width + vocabulary_size
        case Labels():
            return _linear(width, width) + _linear(width, task.count)
        case _:
            assert_never(task)


def _block_flops(model: BertModel, asked: int) -> int:
    """Forward FLOPs of a block that computes so many positions of its output from the whole window."""
    width, ffn_width, context = width_of(model), encoder_ffn_width_of(model), model.context
    key_value = 2 * context * width * 2 * width
    query_and_out = 2 * asked * width * 2 * width
    scores_and_sums = 2 * asked * context * width * 2
    return key_value + query_and_out + scores_and_sums + 2 * asked * width * ffn_width * 2


def _convolution_flops(model: BertModel) -> int:
    if model.convolution is None:
        return 0
    return 2 * model.context * width_of(model) * _kernel_weights(model.convolution)


def _head_flops(model: BertModel, vocabulary_size: int, task: Task) -> int:
    width = width_of(model)
    outputs = vocabulary_size if isinstance(task, MaskedTokens) else task.count
    return 2 * _places(task) * width * (width + outputs)


def _channels(convolution: ConvolutionSpec) -> tuple[int, ...]:
    """Channels of the image before the first convolution, after each, and after the 1 × 1."""
    return (1, *(convolution.layers * (convolution.channels,)), 1)


def _kernel_weights(convolution: ConvolutionSpec) -> int:
    """Weights of all convolutions without biases, each used once for every number of an image."""
    channels, (along_tokens, along_hidden) = convolution.channels, convolution.kernel
    pairs = channels + (convolution.layers - 1) * channels**2
    return along_tokens * along_hidden * pairs + channels
