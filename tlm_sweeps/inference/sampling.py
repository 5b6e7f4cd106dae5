"""`sample`: a prompt in, generated text out, by a run that predicts next tokens.

A run that was trained on all positions of a window knows how a text goes on after any number of tokens. One that was
trained on the last position alone (`predict: last`, all linear models and MLPs) has only ever seen full windows of real
text: before a shorter prompt it gets text of the validation split, which it was not trained on, to fill its window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, Integer

from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.corpora.tokenising import EOS, UNK
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.generating import Drawing, continued
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.texts import text_of
from tlm_sweeps.models.language_model import LanguageModel

_LINE_ENDS = ("\n", EOS)


@dataclass(frozen=True)
class Sample:
    """Texts that a run generated."""

    run: str
    """`sweep/run`."""
    prompt: str
    """As the model read it: what it does not know is `<unk>` here."""
    unknown: int
    """Tokens of the prompt that the vocabulary lacks."""
    lead_in: str
    """Text of the validation split that was put before the prompt; empty where none was needed."""
    drawing: Drawing
    continuations: tuple[str, ...]
    """What follows the prompt, a text for each sample."""
    separator: str
    """Between prompt and continuation: a blank between words."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Each with the prompt before it."""
        return tuple((self.separator if self.prompt else "").join((self.prompt, each)) for each in self.continuations)


def sample(
    model: KeptModel, prompt: str, drawing: Drawing, *, samples: int = 1, data_dir: Path | None = None
) -> Sample:
    """Let a model continue a text.

    Args:
        model: predicts next tokens.
        prompt: what to continue; where it is empty, the model continues text of the validation split.
        drawing: how tokens are chosen, and how many.
        samples: texts.
        data_dir: where named corpora are looked for first.

    Raises:
        InputError: the model predicts no next tokens, the text that it read is not here or another one, or the prompt
            has a character or word that its vocabulary lacks.
    """
    module = _next_token_module(model)
    corpus = text_of(model, data_dir)
    assert isinstance(corpus, Corpus)  # what a language model reads
    asked = _encoded(prompt, corpus)
    lead_in = _lead_in(model, corpus, asked)
    start = torch.from_numpy(np.concatenate((lead_in, asked)).astype(np.int64)).expand(samples, -1)
    found = continued(module, start, model.experiment.model.context, drawing)
    return Sample(
        run=model.place,
        prompt=corpus.decode(asked),
        unknown=_count_unknown(asked, corpus),
        lead_in=corpus.decode(lead_in),
        drawing=drawing,
        continuations=tuple(corpus.decode(row) for row in found.numpy()),
        separator="" if corpus.facts.level == "char" else " ",
    )


def _next_token_module(model: KeptModel) -> LanguageModel:
    if isinstance(model.module, LanguageModel):
        return model.module
    predicts = model.experiment.training.predict
    hint = (
        "an encoder fills gaps: put [MASK] into the prompt, as in --prompt 'the [MASK] of a city'"
        if predicts == "masked"
        else "name a run that was pre-trained, or `tlm-sweeps evaluate` this one"
    )
    raise InputError(f"the run predicts {predicts}, not what comes next", place=model.place, hint=hint)


def _encoded(prompt: str, corpus: Corpus) -> Int[np.ndarray, " n"]:
    try:
        return corpus.encode(prompt)
    except InputError as error:
        problem = error.problems[0]
        raise InputError(problem.message, place="--prompt", hint=problem.hint) from error


def _lead_in(model: KeptModel, corpus: Corpus, asked: Int[np.ndarray, " n"]) -> Integer[np.ndarray, " m"]:
    """Tokens of validation to begin with: none where the prompt is enough."""
    context = model.experiment.model.context
    sees_full_windows_only = model.experiment.training.predict == "last"
    wanted = context - len(asked) if sees_full_windows_only or not len(asked) else 0
    return _before_a_line(corpus, wanted) if wanted > 0 else corpus.valid[:0]


def _before_a_line(corpus: Corpus, wanted: int) -> Integer[np.ndarray, " wanted"]:
    """So many tokens of validation that end where its first possible line ends, or where they end if it has no lines.

    A prompt then begins a line.
    """
    ends = [number for number, token in enumerate(corpus.vocabulary) if token in _LINE_ENDS]
    found = np.flatnonzero(np.isin(corpus.valid[wanted - 1 :], ends))
    end = wanted + (int(found[0]) if len(found) else 0)
    return corpus.valid[end - wanted : end]


def _count_unknown(ids: Int[np.ndarray, " n"], corpus: Corpus) -> int:
    return int(sum(corpus.vocabulary[int(each)] == UNK for each in ids))
