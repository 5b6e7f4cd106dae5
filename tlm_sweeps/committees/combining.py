"""From the logits of several members to one answer, by three rules. It knows no runs and no labels' names.

A committee's answer depends on its members only, never on their order. Softmax and means are taken in float64.
"""

from __future__ import annotations

from typing import Any, Literal, assert_never, get_args

import numpy as np
from jaxtyping import Float, Int

Rule = Literal["mean logit", "mean probability", "majority vote"]
"""How a committee answers. `mean logit`: the study's, the members' outputs summed or averaged; `mean probability`: the
mean of their softmaxes; `majority vote`: the label that most of them tell, whatever they are sure of."""
RULES: tuple[Rule, ...] = get_args(Rule)

Logits = Float[np.ndarray, "k n c"]
"""k members, n examples, c labels."""
Probabilities = Float[np.ndarray, "n c"]
Told = Int[np.ndarray, " n"]
"""A label for each example, by number."""


def probabilities(logits: Float[np.ndarray, "*b c"]) -> Float[np.ndarray, "*b c"]:
    """Softmax over labels, in float64.

    >>> probabilities(np.log(np.array([[1.0, 3.0]]))).tolist()
    [[0.25, 0.75]]
    """
    wide = np.asarray(logits, dtype=np.float64)
    grown = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def combined(logits: Logits, rule: Rule) -> tuple[Told, Probabilities]:
    """What a committee tells of each example, and the probabilities that its NLL is taken from.

    - `mean logit`: the largest mean logit; probabilities: its softmax.
    - `mean probability`: the largest mean probability; probabilities: these.
    - `majority vote`: the label with the most votes; among labels with equally many, the one of the largest mean
      probability, so a tie favours no label and needs no draw. Votes are no probabilities: its NLL is that of the mean
      probability.

    Where two labels are equal to the last bit, the one with the smaller number is told.

    Args:
        logits: of at least one member.
        rule: how they are combined.

    Example:
        Two members are unsure of label 1, one is sure of label 0:

        >>> three = np.array([[[0.0, 0.1]], [[0.0, 0.1]], [[5.0, 0.0]]])
        >>> [combined(three, rule)[0].tolist() for rule in RULES]
        [[0], [0], [1]]
    """
    match rule:
        case "mean logit":
            mean = np.asarray(logits, dtype=np.float64).mean(axis=0)
            return mean.argmax(axis=-1), probabilities(mean)
        case "mean probability":
            shares = probabilities(logits).mean(axis=0)
            return shares.argmax(axis=-1), shares
        case "majority vote":
            shares = probabilities(logits).mean(axis=0)
            votes = _votes(logits)
            leads = votes == votes.max(axis=-1, keepdims=True)
            return np.where(leads, shares, -1.0).argmax(axis=-1), shares
        case _:
            assert_never(rule)


def _votes(logits: Logits) -> Int[np.ndarray, "n c"]:
    told = logits.argmax(axis=-1)
    labels: np.ndarray[Any, Any] = np.arange(logits.shape[-1])
    return (told[..., None] == labels).sum(axis=0)
