"""`merge` as it is called, on a sweep that was really trained, partly here and partly there; what goes on from it."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Tlm


def without(runs: Path, there: Path, *trials: int) -> Path:
    """The sweep as a machine leaves it that has not come to these trials."""
    shutil.copytree(runs / "tiny", there / "tiny")
    with closing(sqlite3.connect(there / "tiny" / "ledger.sqlite")) as ledger, ledger:
        for trial in trials:
            ledger.execute("DELETE FROM proposals WHERE number = ?", (trial,))
            ledger.execute("DELETE FROM measurements WHERE run_id = ?", (f"tiny-{trial:04d}-s0",))
            ledger.execute("DELETE FROM runs WHERE trial = ?", (trial,))
            shutil.rmtree(there / "tiny" / f"tiny-{trial:04d}-s0", ignore_errors=True)
    return there


def test_a_sweep_goes_on_from_what_was_merged(tlm: Tlm, runs: Path, tmp_path: Path):
    here, there, whole = without(runs, tmp_path / "here", 1, 3, 4), without(runs, tmp_path / "there", 0, 2, 3, 4), "all"
    said = tlm("merge", whole, here, there, "--json")
    assert said.code == 0, said.err
    (found,) = said.data
    assert found["states"] == {"complete": 2, "infeasible": 1}
    assert [each["kept"] for each in found["parts"]] == [2, 1]
    status = tlm("status", "tiny", "--runs-dir", whole, "--json").data
    assert status["spent_flops"] == found["spent_flops"]
    went_on = tlm("sweep", runs / "tiny.yaml", "--runs-dir", whole, "--workers", "1")
    assert went_on.code == 0, went_on.err
    exported = tlm("export", "tiny", "--runs-dir", whole).data
    in_one_go = tlm("export", "tiny", "--runs-dir", runs).data
    what = ("fingerprint", "state", "val_nll", "test_nll")
    assert sorted([str(each[name]) for name in what] for each in exported) == sorted(
        [str(each[name]) for name in what] for each in in_one_go
    )
    for each in exported:
        has_model = (tmp_path / whole / "tiny" / each["run_id"] / "model.safetensors").exists()
        assert has_model == (each["state"] == "complete")
    assert tlm("report", "tiny", "--runs-dir", whole).code == 0
    assert tlm("export", "tiny", "--runs-dir", whole, "--format", "optuna").code == 0
    assert "nothing new" in tlm("merge", whole, here).out


def test_a_damaged_file_is_left_where_it_is_and_named(tlm: Tlm, runs: Path, tmp_path: Path):
    shutil.copytree(runs / "tiny", tmp_path / "here" / "tiny")
    folder = tmp_path / "here" / "tiny" / "tiny-0000-s0"
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums}
    assert set(sums) == {"model.safetensors", "model.json"}
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    said = tlm("merge", "all", "here")
    assert said.code == 1
    assert "tiny-0000-s0/model.safetensors is damaged" in said.err
    there = tmp_path / "all" / "tiny" / "tiny-0000-s0"
    assert (there / "model.json").exists()
    assert not (there / "model.safetensors").exists()
    assert tlm("status", "tiny", "--runs-dir", "all", "--json").data["states"]["complete"] == 3
    whole = tlm("merge", "again", "here", runs)
    assert whole.code == 0, whole.err
    assert (tmp_path / "again" / "tiny" / "tiny-0000-s0" / "model.safetensors").exists()


def test_what_cannot_be_merged_is_refused_with_a_hint(tlm: Tlm, runs: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for words, message in (
        (("all", "empty"), "holds no sweeps"),
        (("all", "nowhere"), "is no folder"),
        (("all", runs, runs), "named twice"),
        ((runs, runs / "tiny"), "is the target"),
        ((runs / "tiny", runs), "folder of one sweep"),
        ((runs / "tiny.yaml", runs), "is no folder"),
    ):
        said = tlm("merge", *words)
        assert (said.code, message in said.err, "hint:" in said.err) == (2, True, True), said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]
