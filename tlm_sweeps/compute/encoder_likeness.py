"""The transformer that is most like an encoder: what estimates of time and memory, made for the one, say of the other.

Only estimates: parameters and FLOPs are exact, in `encoder_counting`.
"""

from __future__ import annotations

from tlm_sweeps.spec.encoders import BertModel, encoder_ffn_width_of
from tlm_sweeps.spec.models import TransformerModel


def like(model: BertModel) -> TransformerModel:
    """A transformer whose blocks hold and compute as much as the encoder's; its width is given."""
    return TransformerModel(
        kind="transformer",
        width=model.width,
        context=model.context,
        depth=model.depth,
        heads=model.heads,
        ffn_width=encoder_ffn_width_of(model),
        norm_placement="post",
        tied_head=True,
        dropout=model.dropout,
        dropout_at=("embedding", "attention", "residual"),
    )


def image_channels(model: BertModel) -> int:
    """Channels that a convolutional front end makes of each number of a window, over all its layers."""
    return 0 if model.convolution is None else model.convolution.layers * model.convolution.channels + 1
