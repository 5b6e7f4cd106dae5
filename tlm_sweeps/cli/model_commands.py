"""`sample`, `evaluate` and `export-model`: what a trained run says, how well it knows any text, where else it works."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlm_sweeps.cli.options import DataDir, Json, RunsDir
from tlm_sweeps.errors import InputError

if TYPE_CHECKING:
    from tlm_sweeps.inference.kept_models import KeptModel

Run = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="SWEEP/RUN; or SWEEP/TRIAL, or SWEEP: the complete run of lowest validation NLL.",
        show_default=False,
    ),
]


class Split(StrEnum):
    """Parts of a text that a run was not trained on."""

    valid = "valid"
    test = "test"


def sample(
    run: Run,
    prompt: Annotated[
        str,
        typer.Option(
            "--prompt", "-p", metavar="TEXT", help="What to continue. Default: the beginning of the validation split."
        ),
    ] = "",
    tokens: Annotated[
        int | None, typer.Option("--tokens", metavar="N", min=1, help="How many follow the prompt. Default: 200.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="T", min=0.0, help="0: always the likeliest. Default: 1.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            metavar="K",
            min=1,
            help="Draw from the K likeliest tokens only. Of encoders: pieces shown for each gap, 5 by default.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="SEED", min=0, max=2**32 - 1, help="Of the draws. Default: 0.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", metavar="N", min=1, max=1000, help="Texts to generate. Default: 1.")
    ] = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Generate text from a complete run's model.

    Before a prompt that is shorter than the window of a model which has seen full windows only (training.predict:
    last), text of the validation split fills it. Encoders fill the gaps of a prompt, written [MASK].
    """
    from tlm_sweeps.console.model_views import filled_view, sample_lines
    from tlm_sweeps.console.streams import show, write, write_json
    from tlm_sweeps.inference.filling import fill, is_filler
    from tlm_sweeps.inference.generating import Drawing
    from tlm_sweeps.inference.sampling import sample as sample_of

    model = _model(run, runs_dir)
    given = {"tokens": tokens, "temperature": temperature, "seed": seed, "samples": samples}
    asked = {name: value for name, value in given.items() if value is not None}
    if is_filler(model):
        _refuse_for_encoders(asked)
        filled = fill(model, prompt, candidates=top_k or 5, data_dir=data_dir)
        write_json(asdict(filled)) if json else show(filled_view(filled))
        return
    count = asked.pop("samples", 1)
    found = sample_of(model, prompt, Drawing(**asked, top_k=top_k), samples=count, data_dir=data_dir)
    if json:
        write_json(asdict(found) | {"texts": found.texts})
    else:
        write(sample_lines(found))


def evaluate(
    run: Run,
    corpus: Annotated[
        str | None, typer.Option("--corpus", metavar="NAME", help="Score a known corpus instead of the run's own text.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option("--text", metavar="FILE", help="Score a UTF-8 text file instead, all of it.")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="Which part of a corpus.")] = Split.test,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Score any text with a complete run's model, in nats per target.

    Windows, scored positions and kind of mean are those of the run's own evaluation, and so is the vocabulary: what it
    lacks is <unk> where it has one, and refused where it has none.
    """
    from tlm_sweeps.console.model_views import score_view
    from tlm_sweeps.console.streams import show, write_json
    from tlm_sweeps.inference.other_texts import text_in_file, text_of_corpus
    from tlm_sweeps.inference.scoring import score

    if corpus is not None and text is not None:
        raise InputError("one text at a time", place="--corpus", hint="leave out --corpus or --text")
    model = _model(run, runs_dir)
    other = None
    if corpus is not None:
        other = text_of_corpus(corpus, split.value, data_dir)
    elif text is not None:
        other = text_in_file(text)
    found = score(model, split=split.value, other=other, data_dir=data_dir)
    if json:
        write_json(asdict(found))
    else:
        show(score_view(found))


def export_model(
    run: Run,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Not there yet, or empty.", show_default=False)],
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Write a complete run's model in the format of Hugging Face.

    config.json, model.safetensors, a tokenizer and a README. Models that no architecture of transformers computes
    exactly are refused, with what differs.
    """
    from tlm_sweeps.console.streams import say, show, write_json
    from tlm_sweeps.inference.hugging_face.exporting import export_model as export

    found = export(_model(run, runs_dir), folder, data_dir)
    say(f"wrote {found.run} as {found.architecture}")
    if json:
        write_json(asdict(found) | {"folder": str(found.folder)})
    else:
        show(str(found.folder))


def _model(name: str, runs_dir: Path | None) -> KeptModel:
    from tlm_sweeps.inference.kept_models import read_model
    from tlm_sweeps.runs.folders import runs_folder

    return read_model(name, runs_folder(runs_dir))


def _refuse_for_encoders(asked: dict[str, float]) -> None:
    """Refuse options that decide nothing where gaps are filled."""
    if asked:
        option = f"--{next(iter(asked))}"
        hint = "leave it out; --top-k says how many pieces are shown for each gap"
        raise InputError("an encoder shows the likeliest pieces of each gap and draws nothing", place=option, hint=hint)
