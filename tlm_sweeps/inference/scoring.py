"""`evaluate`: the NLL of any text by a run's model, under the run's own rule: windows, scored positions, kind of mean.

On the run's own test text it is the test NLL of its record, bit for bit where kind of processor and threads are the
same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from tlm_sweeps.corpora.labelled_arrays import LabelledSet
from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.pieces import UNK as UNK_PIECE
from tlm_sweeps.corpora.tokenising import UNK
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.other_texts import OtherText, as_passages, as_tokens
from tlm_sweeps.inference.texts import text_of
from tlm_sweeps.training.evaluation import evaluate, scored_windows
from tlm_sweeps.training.examples import held_out_examples
from tlm_sweeps.training.passages import held_out
from tlm_sweeps.training.state import CPU
from tlm_sweeps.training.windows import resident

SplitName = Literal["valid", "test"]
_LARGEST_EXPONENT = 700.0
"""Of e as a float."""


@dataclass(frozen=True)
class Score:
    """What a model makes of a text."""

    run: str
    """`sweep/run`."""
    text: str
    """Name of the text."""
    predicts: str
    """What a target is: the token after the `last` position of a window or after `all`, a `masked` piece, a `label`."""
    nll: float
    """Nats per target."""
    windows: int
    targets: int
    unknown_share: float | None = None
    """Of the tokens that were read, those that the vocabulary lacks; None of examples."""
    perplexity: float | None = None
    """e^nll; None of labels."""
    bits_per_character: float | None = None
    """Only of characters, and where all of them are known: `<unk>` does not say which one it is."""
    bits_per_byte: float | None = None
    """Of the text in UTF-8; likewise."""
    accuracy: float | None = None
    """Share of examples whose label is told; None of texts."""
    recorded_nll: float | None = None
    """What the run's record says of this text, where it is the run's own."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """A model and the text that it is to score."""

    model: KeptModel
    split: SplitName
    other: OtherText | None

    @property
    def name(self) -> str:
        return f"{self.split} of {self.model.facts.name}" if self.other is None else self.other.name

    @property
    def recorded_nll(self) -> float | None:
        if self.other is not None:
            return None
        return self.model.record.test_nll if self.split == "test" else self.model.record.val_nll


def score(
    model: KeptModel, *, split: SplitName = "test", other: OtherText | None = None, data_dir: Path | None = None
) -> Score:
    """Score a text.

    Args:
        model: of any kind.
        split: of the run's own text, where no other is given.
        other: another text; None for the run's own.
        data_dir: where named corpora are looked for first.

    Raises:
        InputError: the text that the run read is not here or another one; the other text is shorter than a window, has
            characters that the vocabulary lacks, or is none for this model.
    """
    own, asked = text_of(model, data_dir), _Asked(model, split, other)
    with _threads(model.record.provenance.threads):
        match own:
            case Corpus():
                return _of_tokens(asked, own)
            case Passages():
                return _of_passages(asked, own)
            case LabelledSet():
                return _of_examples(asked, own)


def _of_tokens(asked: _Asked, own: Corpus) -> Score:
    experiment = asked.model.experiment
    ids = own.test if asked.split == "test" else own.valid
    if asked.other is not None:
        ids = as_tokens(asked.other, own)
        _ensure_a_window(len(ids), experiment.model.context, asked.other)
    tokens = resident(ids, CPU)
    windows = scored_windows(experiment, tokens)
    found = evaluate(asked.model.module, tokens, experiment)
    read = ids[: (windows.count - 1) * windows.stride + experiment.model.context + 1]
    unknown_share = float(np.isin(read, [at for at, token in enumerate(own.vocabulary) if token == UNK]).mean())
    bits = found.nll / math.log(2) if own.facts.level == "char" and not unknown_share else None
    return Score(
        run=asked.model.place,
        text=asked.name,
        predicts=str(windows.score),
        nll=found.nll,
        windows=found.windows,
        targets=found.targets,
        unknown_share=unknown_share,
        perplexity=_perplexity(found.nll),
        bits_per_character=bits,
        bits_per_byte=None if bits is None else bits * len(read) / len(own.decode(read).encode()),
        recorded_nll=asked.recorded_nll,
    )


def _of_passages(asked: _Asked, own: Passages) -> Score:
    experiment = asked.model.experiment
    passages = own if asked.other is None else as_passages(asked.other, own, experiment)
    split = asked.split if asked.other is None else "test"
    windows = held_out(experiment, passages, split, CPU)
    found = evaluate(asked.model.module, windows, experiment)
    rows = (passages.test if split == "test" else passages.valid)[: len(windows)]
    unknown = (rows == own.pieces.ids[UNK_PIECE]).sum() / own.is_real(rows).sum()
    return Score(
        run=asked.model.place,
        text=asked.name,
        predicts="masked",
        nll=found.nll,
        windows=found.windows,
        targets=found.targets,
        unknown_share=float(unknown),
        perplexity=_perplexity(found.nll),
        recorded_nll=asked.recorded_nll,
    )


def _of_examples(asked: _Asked, own: LabelledSet) -> Score:
    if asked.other is not None:
        raise InputError(
            f"{asked.other.name} has no labels, and the run tells labels apart",
            place=asked.other.place,
            hint="leave it out: the run is scored on its own examples, those of --split valid or test",
        )
    found = evaluate(asked.model.module, held_out_examples(own, asked.split, CPU), asked.model.experiment)
    return Score(
        run=asked.model.place,
        text=asked.name,
        predicts="label",
        nll=found.nll,
        windows=found.windows,
        targets=found.targets,
        accuracy=found.accuracy,
        recorded_nll=asked.recorded_nll,
    )


def _perplexity(nll: float) -> float:
    return math.exp(nll) if nll < _LARGEST_EXPONENT else math.inf


def _ensure_a_window(n_tokens: int, context: int, other: OtherText) -> None:
    if n_tokens <= context:
        raise InputError(
            f"{other.name} has {n_tokens:,} tokens, and one window of the model needs {context + 1:,}",
            place=other.place,
            hint="use a longer text, or a run with a shorter `model.context`",
        )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many as trained the run: sums are then taken in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
