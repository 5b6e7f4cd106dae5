"""Masked language modelling (Devlin et al. 2019, arXiv 1810.04805, section 3.1) as data: how much, and how."""

from __future__ import annotations

from tlm_sweeps.spec.fields import Part, Share, ShareOrNone


class MaskingSpec(Part):
    """What an encoder is asked about a window. Places are drawn anew for every step, and once for each evaluation."""

    share: Share = 0.15
    """Share of the context that is predicted: as many places, rounded, in every window. 15 % is the study's."""
    masked: ShareOrNone = 0.8
    """Share of the predicted places that the encoder sees as `[MASK]`."""
    random: ShareOrNone = 0.1
    """Share of them that it sees as a random piece, none of the special ones; the others it sees as they are."""


def masked_places(masking: MaskingSpec | None, context: int) -> int:
    """Places of a window that are predicted; at least one. None: the study's masking.

    >>> masked_places(None, 128), masked_places(MaskingSpec(share=0.4), 5)
    (19, 2)
    """
    return max(1, round((masking or MaskingSpec()).share * context))
