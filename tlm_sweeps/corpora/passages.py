"""Passages for pre-training: a corpus and a vocabulary become one 2-D array of piece ids for each split.

Cut once on a machine; afterwards opening maps files and facts read one small file. It knows nothing of masking.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt16

from tlm_sweeps.compute.encoder_facts import PassageFacts
from tlm_sweeps.corpora import framing
from tlm_sweeps.corpora.array_entries import Array, arrays_fingerprint, publish_kept, read_facts, read_kept
from tlm_sweeps.corpora.articles import read_articles, splitting_identity
from tlm_sweeps.corpora.entries import entry_folder
from tlm_sweeps.corpora.passage_arrays import Passages
from tlm_sweeps.corpora.pieces import WordPieces
from tlm_sweeps.corpora.sources import Source, find_source
from tlm_sweeps.corpora.splitting import SPLIT_NAMES
from tlm_sweeps.corpora.vocabularies import open_pieces
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.spec.experiment import CorpusSpec
from tlm_sweeps.spec.passages import PassagesSpec

_logger = logging.getLogger(__name__)

FORMAT = 1
"""Of entries and of cutting: raise it whenever the same text would become other passages or another layout."""
_PLACE = "experiment.passages"

Pieces = UInt16[np.ndarray, " _"]


def open_passages(corpus: CorpusSpec, spec: PassagesSpec, data_dir: Path | None = None) -> Passages:
    """Open the passages of a corpus; many processes may do so at once.

    Args:
        corpus: which text, and how its articles are split. Level, vocabulary and caps of tokens do not apply.
        spec: vocabulary, length, caps and order.
        data_dir: folder with the known corpora; default: TLM_DATA, `../shared/data`, or what was downloaded.

    Raises:
        InputError: the text or the vocabulary is not there or cannot be used, or gives fewer passages than asked.
    """
    pieces, source, entry = _locate(corpus, spec, data_dir)
    kept = read_kept(entry)
    if kept is None:
        _build(corpus, spec, source, pieces, entry)
        kept = read_kept(entry)
    if kept is None:
        raise RunError("the passages vanished from the cache as soon as they were there", place=str(entry))
    facts = _facts(source, pieces, kept.facts)
    return Passages(facts, pieces, **{name: kept.arrays[name] for name in SPLIT_NAMES})


def passage_facts(corpus: CorpusSpec, spec: PassagesSpec, data_dir: Path | None = None) -> PassageFacts:
    """The facts of a corpus's passages; cuts it only where that has not been done.

    Raises:
        InputError: as `open_passages`.
    """
    pieces, source, entry = _locate(corpus, spec, data_dir)
    known = read_facts(entry)
    return open_passages(corpus, spec, data_dir).facts if known is None else _facts(source, pieces, known)


def choose_passages(
    articles: Sequence[str],
    encode: Callable[[str], Pieces],
    room: int,
    *,
    seed: int,
    per_article: int | None = None,
    wanted: int | None = None,
) -> list[Pieces]:
    """Passages of articles by rounds: the first of every article in a seeded order, then the second ones.

    The order is `numpy.random.default_rng(seed).permutation`, which is how `datasets` shuffles, and so the study.
    An article whose pieces fill no passage gives one all the same; a longer one leaves out the rest at its end.

    Args:
        articles: read one at a time, and only as many of them, and as much of each, as is needed.
        encode: a line to its pieces.
        room: most pieces of a passage.
        seed: of the order.
        per_article: most passages of one article.
        wanted: passages after which to stop.

    Returns:
        At most `wanted` passages.

    Example:
        >>> words = lambda text: np.array(text.split(), dtype=np.uint16)
        >>> [passage.tolist() for passage in choose_passages(["1 2 3 4 5", "6 7 8 9"], words, 2, seed=0)]
        [[1, 2], [6, 7], [3, 4], [8, 9]]
    """
    order = np.random.default_rng(seed).permutation(len(articles))
    opened = (islice(_passages(articles[int(number)], encode, room), per_article) for number in order)
    return list(islice(_by_rounds(opened), wanted))


def _passages(article: str, encode: Callable[[str], Pieces], room: int) -> Iterator[Pieces]:
    """An article's passages; its lines are encoded as they are needed, since no piece goes across two of them."""
    left = np.empty(0, dtype="<u2")
    is_short = True
    for line in article.split("\n"):
        left = np.concatenate([left, encode(line)])
        while len(left) >= room:
            yield left[:room]
            left, is_short = left[room:], False
    if len(left) and is_short:
        yield left


def _by_rounds(iterators: Iterable[Iterator[Pieces]]) -> Iterator[Pieces]:
    while True:
        going: list[Iterator[Pieces]] = []
        for each in iterators:
            for item in islice(each, 1):
                going.append(each)
                yield item
        if not going:
            return
        iterators = going


def _locate(corpus: CorpusSpec, spec: PassagesSpec, data_dir: Path | None) -> tuple[WordPieces, Source, Path]:
    pieces = open_pieces(spec.pieces, corpus, data_dir)
    source = find_source(corpus, data_dir)
    options = spec.model_dump(exclude={"pieces"})
    entry = entry_folder(
        {"passages": FORMAT, **splitting_identity(corpus, source), "pieces": pieces.fingerprint, **options}
    )
    return pieces, source, entry


def _build(corpus: CorpusSpec, spec: PassagesSpec, source: Source, pieces: WordPieces, entry: Path) -> None:
    _logger.info("cutting %s into passages", source.name)
    articles = read_articles(corpus, source)
    room = spec.length - framing.FRAME
    arrays: dict[str, Array] = {}
    for name in SPLIT_NAMES:
        is_train = name == "train"
        chosen = choose_passages(
            getattr(articles, name),
            pieces.encode,
            room,
            seed=spec.seed,
            per_article=spec.per_article if is_train else None,
            wanted=spec.first_passages if is_train else spec.heldout_passages,
        )
        _refuse_too_few(spec, name, len(chosen), source.name)
        arrays[name] = framing.framed(pieces, chosen, spec.length)
    facts = {
        **{f"n_{name}": len(rows) for name, rows in arrays.items()},
        "n_train_pieces": int(framing.is_real(pieces, arrays["train"]).sum()),
        "length": spec.length,
        "fingerprint": arrays_fingerprint(["passages", pieces.fingerprint], arrays),
    }
    publish_kept(entry, facts, arrays)


def _refuse_too_few(spec: PassagesSpec, split: str, n_passages: int, name: str) -> None:
    if not n_passages:
        raise InputError(
            f"the {split} split of {name} gives no passage: no text in it",
            place="experiment.corpus",
            hint="use another text",
        )
    wanted = spec.first_passages
    if split == "train" and wanted is not None and n_passages < wanted:
        rule = f" with {spec.per_article} of each article" if spec.per_article else ""
        raise InputError(
            f"{wanted:,} passages of train are asked for, and {name} gives {n_passages:,}{rule}",
            place=f"{_PLACE}.first_passages",
            hint=f"write first_passages: {n_passages}" + (", or a larger per_article" if rule else ""),
        )


def _facts(source: Source, pieces: WordPieces, known: dict[str, Any]) -> PassageFacts:
    return PassageFacts(
        name=source.name,
        pieces=pieces.origin,
        pieces_fingerprint=pieces.fingerprint,
        vocabulary_size=len(pieces.vocabulary),
        **known,
    )
