"""Every file that a sweep or the tool keeps, torn in every way: it is what it was, made anew, or named; never data.

The oracle is the same for all: what is read after the damage equals what was read before, or is nothing, or the
reader says which file is damaged in an error of ours.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.sweep_parts import Run, part
from tlm_sweeps.committees.predictions import read_description
from tlm_sweeps.compute.calibration import Calibration, Timing
from tlm_sweeps.corpora.array_entries import publish_kept, read_kept
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.errors import InputError, TlmError
from tlm_sweeps.runs.file_sums import damaged_in, sums_of
from tlm_sweeps.runs.ledger import reading, writing
from tlm_sweeps.runs.ledger_lock import writer_of
from tlm_sweeps.search.wandb.launched import LaunchedSweep, read_launched, write_launched
from tlm_sweeps.spec.experiment import CorpusSpec, ExperimentSpec
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.training.calibration import keep, kept, origin

TEXT = "the model reads a window of tokens and predicts what comes after it. " * 40


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """One bit, in the middle of what is told: of a number where there is one."""
    content = bytearray(path.read_bytes())
    digits = [place for place, each in enumerate(content) if chr(each).isdigit()]
    content[digits[len(digits) // 2] if digits else len(content) // 2] ^= 1
    path.write_bytes(content)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [truncated, emptied, flipped, made_a_folder]


def ledger(folder: Path) -> tuple[Path, Callable[[], Any]]:
    runs = part(folder / "runs", Run(8, val_nll=2.25), Run(16, "waiting", step=5))

    def read() -> Any:
        with reading(runs / "parts") as ledger:
            return ledger.records(), ledger.curves(), ledger.val_nlls(), ledger.proposals()

    return runs / "parts" / "ledger.sqlite", read


def lock(folder: Path) -> tuple[Path, Callable[[], Any]]:
    runs = part(folder / "runs", Run(8))
    (runs / "parts" / "ledger.lock").write_text('{"pid": 1, "host": "elsewhere", "since": "2026"}')
    return runs / "parts" / "ledger.lock", lambda: None if writer_of(runs / "parts") else "nobody"


def corpus_file(name: str) -> Callable[[Path], tuple[Path, Callable[[], Any]]]:
    def made(folder: Path) -> tuple[Path, Callable[[], Any]]:
        (folder / "text.txt").write_text(TEXT)

        def read() -> Any:
            corpus = open_corpus(CorpusSpec(path=str(folder / "text.txt"), level="word"))
            return corpus.vocabulary, corpus.train.tolist(), corpus.valid.tolist(), corpus.facts

        read()
        (entry,) = (folder / "cache" / "corpora").iterdir()
        return entry / name, read

    return made


def arrays(folder: Path) -> tuple[Path, Callable[[], Any]]:
    publish_kept(folder / "entry", {"n": 3}, {"ids": np.arange(100)})

    def read() -> Any:
        found = read_kept(folder / "entry")
        return None if found is None else (found.facts, found.arrays["ids"].tolist())

    return folder / "entry" / "ids.npy", read


def calibration(folder: Path) -> tuple[Path, Callable[[], Any]]:
    experiment = ExperimentSpec.model_validate_json('{"corpus": {"name": "python-docs"}, "model": {"kind": "linear"}}')
    timing = Timing(experiment=experiment, vocabulary_size=60, training_seconds=0.125, scoring_seconds=0.25)
    keep(
        Calibration(
            origin=origin("fp32"),
            code="c",
            made_at="2026-01-01T00:00:00+00:00",
            workers=1,
            timings=(timing,),
            seconds_to_start=1.5,
            seconds_per_run=0.5,
            others_share=0.0,
        )
    )
    (path,) = (folder / "cache" / "calibration").glob("*.json")
    return path, lambda: kept(["fp32"]).calibrations or None


def description(folder: Path) -> tuple[Path, Callable[[], Any]]:
    path = folder / "model.json"
    model = {"kind": "bert", "width": 16, "heads": 2, "context": 12, "depth": 1}
    pieces = {"pieces": {"kind": "trained", "size": 200}, "length": 12}
    task, training = {"name": "ag-news", "length": 12}, {"predict": "label", "windows": "shuffled"}
    experiment = {
        "corpus": {"name": "python-docs"},
        "passages": pieces,
        "task": task,
        "model": model,
        "training": training,
    }
    facts = {"name": "ag-news", "labels": ["a", "b"], "vocabulary_size": 200, "fingerprint": "f"}
    path.write_text(json.dumps({"experiment": experiment, "corpus": facts}))
    (folder / "SHA256SUMS").write_bytes(sums_of([path]))
    return path, lambda: read_description(path)


def place_at_wandb(folder: Path) -> tuple[Path, Callable[[], Any]]:
    spec = SweepSpec.model_validate_json(
        '{"name": "s", "experiment": {"corpus": {"name": "python-docs"}, "model": {"kind": "linear"}}}'
    )
    launched = LaunchedSweep(
        id="abcd1234",
        entity="me",
        project="p",
        base_url="http://127.0.0.1",
        url="",
        fingerprint="f",
        spec=spec,
        created_at="2026",
    )
    write_launched(folder, launched)
    return folder / "wandb-sweep.json", lambda: read_launched(folder)


KINDS = [
    ledger,
    lock,
    corpus_file("train.bin"),
    corpus_file("valid.bin"),
    corpus_file("vocabulary.json"),
    corpus_file("meta.json"),
    arrays,
    calibration,
    description,
    place_at_wandb,
]
NAMES = ["ledger", "lock", "ids", "other ids", "vocabulary", "meta", "arrays", "calibration", "model.json", "at W&B"]
UNCHECKED = {("at W&B", "flipped")}
"""W&B's server is asked before anything is done with it, and knows no other sweep of that name."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("TLM_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("kind", "name"), [*zip(KINDS, NAMES, strict=True)], ids=NAMES)
def test_a_damaged_file_is_never_read_as_data(
    kind: Callable[[Path], tuple[Path, Callable[[], Any]]], name: str, damage: Callable[[Path], None], tmp_path: Path
):
    if (name, damage.__name__) in UNCHECKED:
        pytest.skip("the server tells")
    path, read = kind(tmp_path)
    before = read()
    damage(path)
    try:
        after = read()
    except TlmError as error:
        said = str(error)
        assert path.name in said or path.parent.name in said or "record of" in said or "measurement of" in said
    else:
        assert after in (before, None, "nobody")


@pytest.mark.parametrize("seed", range(8))
def test_a_bit_flipped_anywhere_in_a_ledger_makes_no_other_record(tmp_path: Path, seed: int):
    path, read = ledger(tmp_path)
    before, content = read(), path.read_bytes()
    for place in np.random.default_rng(seed).integers(len(content) * 8, size=40).tolist():
        harmed = bytearray(content)
        harmed[place // 8] ^= 1 << place % 8
        path.write_bytes(harmed)
        with contextlib.suppress(TlmError):
            records, curves, val_nlls, proposals = read()
            assert all(each in before[0] for each in records), place
            assert all(each in before[1][run] for run, curve in curves.items() for each in curve), place
            assert all(each in before[2][run] for run, curve in val_nlls.items() for each in curve), place
            assert all(each in before[3] for each in proposals), place


@pytest.mark.parametrize("damage", [emptied, made_a_folder, truncated])
def test_nothing_is_trained_over_runs_whose_ledger_is_damaged(damage: Callable[[Path], None], tmp_path: Path):
    path, _ = ledger(tmp_path)
    damage(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TlmError, match="ledger"), writing(path.parent) as opened:
        opened.records()
    assert set(before) >= {each for each in tmp_path.rglob("*") if each.name != "ledger.lock"}


def test_texts_of_an_older_version_have_no_checksum_and_are_read(tmp_path: Path):
    path, read = ledger(tmp_path)
    before = read()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for table, column in (("runs", "record"), ("measurements", "measurement"), ("proposals", "settings")):
            connection.execute(f"UPDATE {table} SET {column} = json_remove({column}, '$.checksum')")  # noqa: S608 - fixed words
        found = connection.execute("SELECT record FROM runs").fetchone()[0]
        assert "checksum" not in found
    assert read() == before


def test_the_sums_of_a_run_are_those_that_other_tools_read(tmp_path: Path):
    for name in ("model.safetensors", "model.json"):
        (tmp_path / name).write_text(name)
    written = sums_of([tmp_path / "model.safetensors", tmp_path / "model.json"])
    (tmp_path / "SHA256SUMS").write_bytes(written)
    lines = [line.split("  ") for line in written.decode().splitlines()]
    assert lines == [[hashlib.sha256(name.encode()).hexdigest(), name] for _, name in lines]
    assert damaged_in(tmp_path) == ()
    flipped(tmp_path / "model.json")
    (tmp_path / "model.safetensors").unlink()
    assert damaged_in(tmp_path) == ("model.safetensors", "model.json")


def test_who_holds_a_ledger_with_a_torn_lock_is_still_refused(tmp_path: Path):
    path, _ = lock(tmp_path)
    with writing(path.parent):
        truncated(path)
        with pytest.raises(InputError, match="in use"), writing(path.parent):
            pass
