"""`sample`, `evaluate` and `export-model` as the shell calls them, on the sweep that really ran."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlm_sweeps as tlm_api

Tlm = Callable[..., Any]


def test_sample_prints_texts_and_nothing_else(tlm: Tlm, runs: Path):
    said = tlm("sample", "tiny/1", "--prompt", "def", "--tokens", "20", "--samples", "2", "--runs-dir", runs)

    assert said.code == 0, said.err
    first, second = said.out.removesuffix("\n").split("\n--------------------\n")
    assert first.startswith("def")
    assert second.startswith("def")
    assert said.err == ""


def test_sample_says_what_a_model_of_full_windows_was_given(tlm: Tlm, runs: Path):
    said = tlm("sample", "tiny/linear", "--prompt", "def", "--tokens", "5", "--runs-dir", runs)

    assert said.code == 0, said.err
    assert "from the validation split" in said.err


def test_samples_for_programs_repeat_with_their_seed(tlm: Tlm, runs: Path):
    command = ("sample", "tiny", "-p", "def", "--tokens", "20", "--seed", "3", "--top-k", "5", "--json")

    said = tlm(*command, "--runs-dir", runs)

    assert said.data == tlm(*command, "--runs-dir", runs).data
    assert said.data["drawing"] == {"tokens": 20, "temperature": 1.0, "top_k": 5, "seed": 3}
    assert said.data["texts"] == ["def" + text for text in said.data["continuations"]]


def test_a_character_that_the_model_has_never_seen_is_one_clear_message(tlm: Tlm, runs: Path):
    said = tlm("sample", "tiny", "--prompt", "na☃ve", "--runs-dir", runs)

    assert said.code == 2
    assert "the character '☃' is not in the corpus's vocabulary" in said.err
    assert "hint: leave it out" in said.err
    assert said.out == ""


def test_evaluate_gives_what_the_record_has(tlm: Tlm, runs: Path):
    records = {each.run_id: each for each in tlm_api.results("tiny", runs).records}

    said = tlm("evaluate", "tiny", "--runs-dir", runs, "--json")

    assert said.code == 0, said.err
    record = records[said.data["run"].removeprefix("tiny/")]
    assert said.data["nll"] == said.data["recorded_nll"] == record.test_nll
    told = tlm("evaluate", "tiny", "--runs-dir", runs).out
    assert f"{record.test_nll:.4f} nats per target" in told
    assert "bits per byte" in told


def test_evaluate_a_file_and_another_corpus(tlm: Tlm, runs: Path, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("The quick brown fox jumps over the lazy dog.\n" * 5)

    from_file = tlm("evaluate", "tiny", "--text", "mine.txt", "--runs-dir", runs, "--json")
    from_corpus = tlm("evaluate", "tiny", "--corpus", "python-docs", "--split", "valid", "--runs-dir", runs, "--json")

    assert (from_file.code, from_corpus.code) == (0, 0), from_file.err + from_corpus.err
    assert from_file.data["text"] == "mine.txt"
    assert from_corpus.data["text"] == "valid of python-docs"
    assert from_corpus.data["targets"] > from_file.data["targets"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sample", "nothing"), "no sweep `nothing`"),
        (("evaluate", "tiny/77"), "no run and no trial `77`"),
        (("evaluate", "tiny", "--text", "a", "--corpus", "ptb"), "one text at a time"),
        (("export-model", "tiny/linear", "out"), "`linear` models have no architecture in transformers"),
        (("export-model", "tiny/1", "out"), "train with `model.biases: false`"),
        (("sample", "tiny", "--temperature", "-1"), "--temperature"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_what_cannot_be_is_refused(tlm: Tlm, runs: Path, tmp_path: Path, words: tuple[str, ...], said: str):
    found = tlm(*words, "--runs-dir", runs)

    assert found.code == 2
    assert said in found.err
    assert not (tmp_path / "out").exists()
    assert found.out == ""


def test_export_writes_a_folder_and_says_what_it_is(tlm: Tlm, tmp_path: Path):
    (tmp_path / "small.yaml").write_text(SMALL)
    assert tlm("sweep", "small.yaml", "--workers", "1").code == 0

    said = tlm("export-model", "small", "out")

    assert said.code == 0, said.err
    assert said.out == "out\n"
    assert "as GPT2LMHeadModel" in said.err
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "gpt2"
    again = tlm("export-model", "small", "out", "--json")
    assert again.code == 2
    assert "holds files already" in again.err


SMALL = """\
name: small
experiment:
  corpus: {name: python-docs, first_tokens: {train: 20000, valid: 2000, test: 2000}}
  model: {kind: transformer, width: 16, depth: 1, heads: 2, context: 16, biases: false}
  training: {batch_size: 8}
  evaluation: {every: 50%}
budget: {flops: 3e8, match: epochs}
engine: {sampler: grid}
"""
