"""`reproduce`: from kept records, from nothing, and for real on the smallest of the study's sweeps."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps import api
from tlm_sweeps.studies.kept import read_kept

Tlm = Callable[..., Any]
STUDY = "architecture-tradeoffs"


@pytest.fixture
def texts() -> Path:
    """The folder of the corpora, where Tiny Shakespeare is on this machine."""
    folder = Path(os.environ.get("TLM_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "tinyshakespeare").is_dir():
        pytest.skip("Tiny Shakespeare is not on this machine: set TLM_DATA to the folder of the corpora")
    return folder.resolve()


@pytest.mark.parametrize("inside", ["", STUDY])
def test_kept_records_give_verdicts_without_training(inside: str, tlm: Tlm, records: Path):
    said = tlm("reproduce", STUDY, "--from", records / inside, "--table", "heads")
    assert (said.code, said.err) == (0, "")
    rows = {line.split("   ")[0].strip(): line for line in said.out.splitlines()}
    assert rows["attention, heads = 1"].endswith("  reproduced")
    assert rows["attention, heads = 4"].endswith("not reproduced")
    assert "2 reproduced, 1 not reproduced, of 3 rows" in said.out
    assert not Path("runs").exists()


def test_json_is_one_document_with_every_published_row(tlm: Tlm, records: Path):
    said = tlm("reproduce", STUDY, "--from", records, "--json")
    verdicts = {(cell["table"], cell["label"]): cell["verdict"] for cell in said.data["cells"]}
    assert len(verdicts) == 20
    assert verdicts["heads", "attention, heads = 2"] == "reproduced"
    assert verdicts["1", "linear"] == "not run"


def test_fewer_seeds_can_be_counted(tlm: Tlm, records: Path):
    said = tlm("reproduce", STUDY, "--from", records, "--table", "heads", "--seeds", "3", "--json")
    assert [sorted(cell["ours"]["values"]) for cell in said.data["cells"]] == [["0", "1", "2"]] * 3


def test_what_is_missing_is_trained_once_and_grows_with_the_seeds(tlm: Tlm, small_specs: Path):
    words = ("reproduce", STUDY, "--table", "context", "--specs", small_specs, "--workers", "1")
    first = tlm(*words, "--seeds", "1", "--to", "kept")
    assert first.code == 0
    assert "tradeoffs-context: 3 runs to train" in first.err
    assert first.err.count("· val ") == 3
    again = tlm(*words, "--seeds", "1")
    assert again.err.splitlines()[0] == "tradeoffs-context: nothing left to train"
    assert "trial" not in again.err
    assert again.out.splitlines()[:-1] == first.out.splitlines()[:-1]
    more = tlm(*words, "--seeds", "2")
    assert "tradeoffs-context: 3 of 6 runs to train" in more.err
    assert more.err.count("· val ") == 3
    assert "nothing left to train" in tlm(*words, "--seeds", "1").err
    assert tlm("reproduce", STUDY, "--from", "kept", "--table", "context").code == 0


def test_runs_that_are_not_the_study_s_are_trained_but_never_counted(tlm: Tlm, small_specs: Path):
    said = tlm("reproduce", STUDY, "--table", "context", "--specs", small_specs, "--seeds", "2", "--json")
    assert said.code == 0
    for cell in said.data["cells"]:
        assert (cell["verdict"], cell["ours"]) == ("not run", None)
        assert "left out" in cell["caution"]


def test_a_sweep_that_was_begun_with_more_seeds_goes_on_with_them(tlm: Tlm, small_specs: Path):
    spec = api.load(small_specs / "sweep-context.yaml", ["seeds=2"])
    with closing(api.iter_sweep(spec, workers=1)) as pictures:
        next(picture for picture in pictures if picture.states.get("complete"))
    words = ("reproduce", STUDY, "--table", "context", "--specs", small_specs, "--workers", "1")
    refused = tlm(*words, "--seeds", "1")
    assert refused.code == 2
    assert "was begun with 2 seeds" in refused.err
    assert "hint: `--seeds 2` goes on" in refused.err
    assert tlm(*words, "--seeds", "2").code == 0


def test_claims_and_questions_are_shown_by_their_keys_and_written_as_a_page(tlm: Tlm, records: Path):
    said = tlm("reproduce", STUDY, "--from", records, "--table", "A4", "--findings", "found.md")
    assert said.code == 0
    assert "A4 does not hold by the study's own account" in said.out
    assert "reproduced" not in said.out
    assert "A4 does not hold" in Path("found.md").read_text()
    every = tlm("reproduce", STUDY, "--from", records, "--table", "questions", "--json").data
    assert (every["cells"], every["claims"], [each["number"] for each in every["questions"]]) == (
        [],
        [],
        list(range(1, 8)),
    )


def test_a_kept_run_is_trained_again_and_compared(tlm: Tlm, small_specs: Path):
    tlm("reproduce", STUDY, "--table", "context", "--specs", small_specs, "--workers", "1", "--to", "kept")
    same = tlm("reproduce", STUDY, "--from", "kept", "--again", "tradeoffs-context-0002-s1")
    assert same.code == 0
    assert "tradeoffs-context-0002-s1: the same: test NLL" in same.out
    (file,) = Path("kept").rglob("*.json")
    kept = {record.run_id: record.train_flops for record in read_kept(file.parent)["tradeoffs-context"].records}
    cost = (kept["tradeoffs-context-0002-s1"] or {})["2nd"]
    assert f"1 run to train, {cost / 1e9:.4g} GFLOPs (2nd), a moment on 1 worker" in same.err.splitlines()[0]
    assert f"1 trial, {cost / 1e9:.4g} GFLOPs to spend" in same.err.splitlines()[1]
    file.write_text(re.sub(r'"test_nll": ?(\d)', r'"test_nll":1\1', file.read_text()))
    other = tlm("reproduce", STUDY, "--from", "kept", "--again", "any", "--json")
    assert (other.code, other.data["same"]) == (1, False)
    assert other.data["difference"] < -5
    unknown = tlm("reproduce", STUDY, "--from", "kept", "--again", "tradeoffs-context-0002-s7")
    assert unknown.code == 2
    assert "did you mean" in unknown.err


@pytest.mark.slow
def test_the_study_s_own_context_sweep_is_reproduced(tlm: Tlm, texts: Path):
    said = tlm("reproduce", STUDY, "--table", "context", "--seeds", "2", "--data-dir", texts, "--json")
    assert [cell["verdict"] for cell in said.data["cells"]] == ["reproduced"] * 3
    assert all(abs(cell["difference"]) < 0.1 for cell in said.data["cells"])


def test_the_corpus_that_is_missing_is_said_before_anything_is_trained(tlm: Tlm, tmp_path: Path):
    said = tlm("reproduce", STUDY, "--table", "context", "--data-dir", tmp_path)
    assert said.code == 2
    assert "tiny-shakespeare" in said.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("reproduce trade-offs", "no study `trade-offs`", STUDY),
        (f"reproduce {STUDY} --table 4", "has no table `4`", "valid: 1, 2, 3, context"),
        (f"reproduce {STUDY} --table dept", "has no table `dept`", "did you mean `depth`?"),
        (f"reproduce {STUDY} --from nowhere", "no records are kept here", "--from"),
        (f"reproduce {STUDY} --from .", "no records of architecture-tradeoffs are kept here", "--to FOLDER"),
        (f"reproduce {STUDY} --seeds 0", "invalid value for `--seeds`", "--help"),
    ],
)
def test_wrong_input_is_said_with_a_way_out(words: str, message: str, hint: str, tlm: Tlm):
    said = tlm(words)
    assert said.code == 2
    assert message in said.err
    assert hint in said.err
    assert not said.out


def test_a_spec_of_another_sweep_is_refused(tlm: Tlm, tmp_path: Path, spec: Path):
    (tmp_path / "mine").mkdir()
    spec.rename(tmp_path / "mine" / "sweep-heads.yaml")
    said = tlm("reproduce", STUDY, "--table", "heads", "--specs", "mine")
    assert said.code == 2
    assert "no spec here is of the sweep `tradeoffs-heads`" in said.err
    assert "mine" in said.err
