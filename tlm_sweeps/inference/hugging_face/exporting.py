"""`export-model`: a run's folder in the format of Hugging Face, which `transformers` reads without any code of ours.

What is written: `config.json`, `model.safetensors`, the tokenizer's two files and a `README.md`. A model that no
architecture there computes exactly is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save as bytes_of_tensors
from torch import Tensor

from tlm_sweeps.corpora.opening import Corpus
from tlm_sweeps.corpora.pieces import PAD
from tlm_sweeps.errors import InputError
from tlm_sweeps.inference.hugging_face.architectures import decoder_like, ensure_bert
from tlm_sweeps.inference.hugging_face.decoders import decoder_config, decoder_tensors
from tlm_sweeps.inference.hugging_face.encoders import encoder_config, encoder_tensors
from tlm_sweeps.inference.hugging_face.model_card import model_card
from tlm_sweeps.inference.hugging_face.tokenizer_files import (
    pieces_config,
    pieces_tokenizer,
    tokens_config,
    tokens_tokenizer,
)
from tlm_sweeps.inference.kept_models import KeptModel
from tlm_sweeps.inference.texts import pieces_of, text_of
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.models.transformer import Transformer
from tlm_sweeps.runs.folders import ensure_writable
from tlm_sweeps.runs.safe_folders import ensure_no_links
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.models import BlockModel
from tlm_sweeps.training.files import sync_folder, write_whole

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Exported:
    """A folder that `transformers` reads."""

    run: str
    """`sweep/run`."""
    architecture: str
    """The class there."""
    folder: Path
    files: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Translated:
    """A model in their words."""

    architecture: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    tokenizer: Tokenizer
    tokenizer_config: Mapping[str, Any]


def export_model(model: KeptModel, folder: Path, data_dir: Path | None = None) -> Exported:
    """Write a run's model for `transformers`.

    Args:
        model: of any kind.
        folder: not there yet, or empty.
        data_dir: where named corpora are looked for first; the tokenizer is made of the text.

    Raises:
        InputError: no architecture there computes what the model does; the folder holds something; the text that the
            run read is not here or another one.
    """
    _ensure_empty(folder)
    translated = _decoder(model, data_dir) if isinstance(model.module, Transformer) else _encoder(model, data_dir)
    config = {
        "architectures": [translated.architecture],
        "dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": None,
        "tie_word_embeddings": False,
        **translated.config,
    }
    files = {
        "model.safetensors": bytes_of_tensors(dict(translated.tensors), metadata={"format": "pt"}),
        "tokenizer.json": translated.tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": _json(translated.tokenizer_config),
        "README.md": model_card(model, translated.architecture).encode(),
        "config.json": _json(config),  # the last, since it makes the folder a model
    }
    ensure_writable(folder)
    ensure_no_links(folder)
    for name, content in files.items():
        write_whole(folder / name, content)
    sync_folder(folder)
    return Exported(model.place, translated.architecture, folder, tuple(files))


def _decoder(model: KeptModel, data_dir: Path | None) -> _Translated:
    spec, module = model.experiment.model, model.module
    architecture = decoder_like(spec, model.place)
    assert isinstance(spec, BlockModel)
    assert isinstance(module, Transformer)
    tensors = decoder_tensors(module, spec, architecture, model.place)
    corpus = text_of(model, data_dir)
    assert isinstance(corpus, Corpus)  # what a language model reads
    return _Translated(
        architecture,
        decoder_config(spec, architecture, len(corpus.vocabulary)),
        tensors,
        tokens_tokenizer(corpus.vocabulary, corpus.facts.level),
        tokens_config(spec.context, corpus.vocabulary),
    )


def _encoder(model: KeptModel, data_dir: Path | None) -> _Translated:
    spec, module = model.experiment.model, model.module
    if not isinstance(spec, BertModel):
        decoder_like(spec, model.place)  # says why not
    assert isinstance(spec, BertModel)
    assert isinstance(module, MaskedLanguageModel | Classifier)
    ensure_bert(spec, model.place)
    pieces = pieces_of(model, data_dir)
    return _Translated(
        "BertForMaskedLM" if isinstance(module, MaskedLanguageModel) else "BertForSequenceClassification",
        encoder_config(spec, len(pieces.vocabulary), pieces.ids[PAD], model.facts.labels),
        encoder_tensors(module),
        pieces_tokenizer(pieces),
        pieces_config(spec.context),
    )


def _ensure_empty(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(f"{folder} is a link to {folder.resolve()}", place="FOLDER", hint="name a folder of its own")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds files already" if folder.is_dir() else "is a file"
        raise InputError(f"`{folder}` {what}", place="FOLDER", hint="name a folder that is not there yet, or empty")


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
