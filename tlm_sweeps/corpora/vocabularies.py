"""Where word pieces come from: trained on a corpus and kept, read from a file, or fetched from the Hub when asked for.

It knows nothing of passages and tasks.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import assert_never

from tlm_sweeps.corpora.array_entries import publish_kept, read_facts
from tlm_sweeps.corpora.articles import read_articles, splitting_identity
from tlm_sweeps.corpora.entries import entry_folder
from tlm_sweeps.corpora.files import decode_text, read_content, require_path
from tlm_sweeps.corpora.hub import require_hub
from tlm_sweeps.corpora.piece_training import train_vocabulary
from tlm_sweeps.corpora.pieces import MOST_PIECES, SPECIAL_PIECES, WordPieces
from tlm_sweeps.corpora.sources import find_source
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import CorpusSpec
from tlm_sweeps.spec.passages import PiecesFile, PiecesOnHub, PiecesSpec, TrainedPieces

_logger = logging.getLogger(__name__)

FORMAT = 1
"""Of trained vocabularies: raise it whenever the same text would give other pieces."""
PLACE = "experiment.passages.pieces"


def open_pieces(spec: PiecesSpec, corpus: CorpusSpec, data_dir: Path | None = None) -> WordPieces:
    """The word pieces that a spec asks for.

    Args:
        spec: where they come from.
        corpus: the text to train on, if they are trained: its train part, whole.
        data_dir: folder with the known corpora; default: TLM_DATA, `../shared/data`, or what was downloaded.

    Raises:
        InputError: the vocabulary cannot be had or is none, or the text is not there.
    """
    match spec:
        case TrainedPieces():
            return _trained(spec, corpus, data_dir)
        case PiecesFile():
            return read_vocabulary(require_path(spec.path, place=f"{PLACE}.path"), origin=Path(spec.path).name)
        case PiecesOnHub():
            origin = f"{spec.repository}@{spec.revision[:12]}"
            return read_vocabulary(_fetched(spec), origin)
        case _:
            assert_never(spec)


def read_vocabulary(path: Path, origin: str) -> WordPieces:
    """The vocabulary in a file with one piece a line; line 0 is piece 0.

    Raises:
        InputError: it is no vocabulary of lower-case word pieces that this program can use.
    """
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder", place=f"{PLACE}.path", hint="name the vocab.txt in it")
    lines = decode_text(read_content(path), path).split("\n")  # not splitlines: some pieces are odd line ends
    pieces = [line.removesuffix("\r") for line in lines]
    while pieces and not pieces[-1]:
        pieces.pop()
    _refuse_no_vocabulary(pieces, path)
    return WordPieces(tuple(pieces), origin)


def _trained(spec: TrainedPieces, corpus: CorpusSpec, data_dir: Path | None) -> WordPieces:
    source = find_source(corpus, data_dir)
    entry = entry_folder({"pieces": FORMAT, **splitting_identity(corpus, source), **spec.model_dump()})
    facts = read_facts(entry)
    if facts is None:
        _logger.info("training %s word pieces on %s", f"{spec.size:,}", source.name)
        texts = read_articles(corpus, source).train
        vocabulary = train_vocabulary(texts, spec.size, spec.alphabet, place=f"{PLACE}.size")
        publish_kept(entry, {"vocabulary": vocabulary}, {})
        facts = {"vocabulary": vocabulary}
    return WordPieces(tuple(facts["vocabulary"]), f"trained on {source.name}")


def _fetched(spec: PiecesOnHub) -> Path:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    kept = try_to_load_from_cache(spec.repository, "vocab.txt", revision=spec.revision)
    if isinstance(kept, str):
        return Path(kept)
    local = "name a vocab.txt on this machine: pieces: {kind: file, path: …}"
    require_hub(spec.repository, place=f"{PLACE}.repository", otherwise=local)
    _logger.warning("fetching vocab.txt of %s from the Hugging Face Hub", spec.repository)
    try:
        return Path(hf_hub_download(spec.repository, "vocab.txt", revision=spec.revision))
    except Exception as error:  # the Hub's client raises what it likes
        raise InputError(
            f"vocab.txt of {spec.repository!r} at {spec.revision[:12]} cannot be had from the Hub: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}",
            place=PLACE,
            hint=f"check repository and revision on its page; or {local}",
        ) from error


def _refuse_no_vocabulary(pieces: list[str], path: Path) -> None:
    if missing := [piece for piece in SPECIAL_PIECES if piece not in pieces]:
        raise InputError(
            f"{path.name} lacks {', '.join(missing)}",
            place=str(path),
            hint="name a vocab.txt of an uncased BERT: one piece a line, the five special ones among them",
        )
    first: dict[str, int] = {}
    for number, piece in enumerate(pieces, start=1):
        if not piece or first.setdefault(piece, number) != number:
            what = f"{piece!r} again, after line {first[piece]}" if piece else "nothing"
            raise InputError(
                f"line {number} of {path.name} holds {what}",
                place=f"{path}:{number}",
                hint="give every piece one line of its own",
            )
    if len(pieces) > MOST_PIECES:
        raise InputError(
            f"{path.name} has {len(pieces):,} pieces, more than {MOST_PIECES:,}",
            place=str(path),
            hint="use a smaller vocabulary: ids are kept in 16 bits",
        )
    _refuse_cased(pieces, path)


def _refuse_cased(pieces: list[str], path: Path) -> None:
    upper = [piece for piece in pieces if piece not in SPECIAL_PIECES and piece != piece.lower()]
    if len(upper) > len(pieces) // 10:
        raise InputError(
            f"{path.name} is a cased vocabulary: {len(upper):,} of its {len(pieces):,} pieces, such as {upper[0]!r}, "
            "have capital letters, and text is read in lower case",
            place=str(path),
            hint="name the vocab.txt of an uncased model",
        )
