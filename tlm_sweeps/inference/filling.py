"""`sample` of an encoder: the gaps of a text, written `[MASK]`, and what the model would put there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tlm_sweeps.corpora.framing import FRAME
from tlm_sweeps.corpora.pieces import CLS, MASK, PAD, SEP
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.texts import pieces_of
from tlm_sweeps.models.encoder_heads import MaskedLanguageModel


@dataclass(frozen=True)
class Candidate:
    """A piece that may stand in a gap."""

    piece: str
    """As the vocabulary writes it; one that begins with ## goes on with the word before."""
    probability: float


@dataclass(frozen=True)
class Filled:
    """A text with gaps, and what an encoder would put into them."""

    run: str
    """`sweep/run`."""
    prompt: str
    text: str
    """With the likeliest piece in every gap, each chosen by itself; in lower case, as encoders read."""
    gaps: tuple[tuple[Candidate, ...], ...]
    """Of each gap in turn the likeliest pieces, the likeliest first."""


def is_filler(model: KeptModel) -> bool:
    """Whether a model was trained to fill gaps."""
    return isinstance(model.module, MaskedLanguageModel)


@torch.inference_mode()
def fill(model: KeptModel, prompt: str, *, candidates: int = 5, data_dir: Path | None = None) -> Filled:
    """What an encoder would put into the gaps of a text.

    Args:
        model: predicts masked pieces.
        prompt: with `[MASK]` for each gap, which is one piece wide.
        candidates: pieces told of each gap.
        data_dir: where named corpora are looked for first.

    Raises:
        InputError: no gap, a text that does not fit into the model's window, or word pieces that are not to be had.
    """
    assert isinstance(model.module, MaskedLanguageModel)  # `is_filler`
    pieces = pieces_of(model, data_dir)
    known = [pieces.encode(part).astype(np.int64) for part in prompt.split(MASK)]
    if len(known) == 1:
        hint = f"write {MASK} where a word is wanted, as in --prompt 'the {MASK} of a city'"
        raise InputError(f"the prompt has no {MASK}, and an encoder fills gaps only", place="--prompt", hint=hint)
    row = [pieces.ids[CLS], *_joined(known, pieces.ids[MASK]), pieces.ids[SEP]]
    context = model.experiment.model.context
    _ensure_fits(row, context)
    tokens = torch.tensor([row + [pieces.ids[PAD]] * (context - len(row))])  # padded, as it was trained
    places = (tokens == pieces.ids[MASK]).nonzero()[None, :, 1]
    logits = model.module(tokens, tokens != pieces.ids[PAD], places)[0].float()
    logits[:, sorted(pieces.special_ids)] = -torch.inf  # no text has them
    shares, found = logits.softmax(1).topk(min(candidates, logits.shape[1] - len(pieces.special_ids)))
    gaps = tuple(
        tuple(Candidate(pieces.vocabulary[int(piece)], float(share)) for piece, share in zip(*gap, strict=True))
        for gap in zip(found, shares, strict=True)
    )
    tokens[0, places[0]] = found[:, 0]
    return Filled(model.place, prompt, pieces.decode(tokens[0, 1 : len(row) - 1].numpy()), gaps)


def _joined(parts: list[np.ndarray], between: int) -> list[int]:
    joined = [int(each) for each in parts[0]]
    for part in parts[1:]:
        joined += [between, *(int(each) for each in part)]
    return joined


def _ensure_fits(row: list[int], context: int) -> None:
    if len(row) > context:
        raise InputError(
            f"the prompt has {len(row) - FRAME} pieces, and the model's window has room for {context - FRAME}",
            place="--prompt",
            hint="leave out what is far from the gaps",
        )
