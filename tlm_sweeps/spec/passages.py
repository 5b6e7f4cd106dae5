"""Word pieces and passages: how a text becomes what an encoder is pre-trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tlm_sweeps.spec.fields import Count, Part

STUDY_VOCABULARY = ("google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594")
"""Repository and commit on the Hub of the 30,522 word pieces of arXiv 2507.14871."""


class TrainedPieces(Part):
    """A WordPiece vocabulary trained on the train part of the corpus: no network is needed."""

    kind: Literal["trained"] = "trained"
    """Made of the corpus itself."""
    size: Annotated[int, Field(ge=1, le=2**16)] = 30_522
    """Pieces, the five special ones included; fewer where the text yields no more. 30,522 is the study's number."""
    alphabet: Count = 1_000
    """Single characters that are kept, the most frequent of the text. A word with any other becomes `[UNK]`. 1,000 is
    BERT's; a small vocabulary does better with a few hundred, since most of them stand in it twice (`a` and `##a`)."""


class PiecesFile(Part):
    """A WordPiece vocabulary in a local file, one piece a line, as in BERT's `vocab.txt`."""

    kind: Literal["file"] = "file"
    """Read from this machine."""
    path: Annotated[str, Field(min_length=1)]
    """The file; it may be packed as .gz. The line number, from 0, is the piece's id."""


class PiecesOnHub(Part):
    """The `vocab.txt` of a repository on the Hugging Face Hub. Only this kind is ever downloaded."""

    kind: Literal["hub"] = "hub"
    """Fetched once, then kept."""
    repository: Annotated[str, Field(min_length=1)] = STUDY_VOCABULARY[0]
    """`owner/model`. The default is the study's."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] = STUDY_VOCABULARY[1]
    """The commit, whole, so that the vocabulary cannot change under the name."""


PiecesSpec = Annotated[TrainedPieces | PiecesFile | PiecesOnHub, Field(discriminator="kind")]
"""Where the word pieces come from."""


class PassagesSpec(Part):
    """How articles become passages: `[CLS]`, up to `length` - 2 pieces, `[SEP]`, then `[PAD]`.

    The order is by rounds: the first passage of every article, articles in a seeded order, then the second passage of
    every article that has one, and so on. So the first N are the study's own choice as long as N is at most the number
    of articles, and a smaller N is always a part of a larger one.
    """

    pieces: PiecesSpec = TrainedPieces()
    """The vocabulary."""
    length: Annotated[int, Field(ge=3)] = 128
    """Positions of a passage, `[CLS]` and `[SEP]` included: as many as `model.context`. 128 is the study's."""
    first_passages: Count | None = None
    """Passages of train that are kept; a text that has fewer is refused. All when left out."""
    heldout_passages: Count | None = None
    """Passages of valid, and of test, that are kept; all when left out."""
    per_article: Count | None = None
    """Most passages that one article of train gives: 1 is the study's rule. All when left out, but for a rest at an
    article's end that fills no passage. Valid and test are always cut whole, so that they are the same for any rule."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Of the order of articles. 42 is the study's."""
