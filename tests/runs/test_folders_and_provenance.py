"""Names stay names, and a record says where it came from."""

from pathlib import Path

import pytest

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.folders import runs_folder, sweep_folder, sweep_names
from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.runs.provenance import capture, with_corpus


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "-x", "a b", "x" * 101, "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path):
    with pytest.raises(InputError, match="is no sweep name"):
        sweep_folder(tmp_path, name)


def test_a_link_is_refused_and_its_target_shown(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "s").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="elsewhere"):
        sweep_folder(tmp_path / "runs", "s")


def test_sweeps_are_listed_by_their_ledgers(tmp_path: Path):
    for name in ("b", "a"):
        with writing(sweep_folder(tmp_path, name)):
            pass
    (tmp_path / "notes").mkdir()
    assert sweep_names(tmp_path) == ("a", "b")
    assert sweep_names(tmp_path / "nowhere") == ()


def test_the_runs_folder_is_as_given_or_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("TLM_RUNS", raising=False)
    assert runs_folder() == Path("runs")
    monkeypatch.setenv("TLM_RUNS", str(tmp_path))
    assert runs_folder() == tmp_path
    assert runs_folder(Path("given")) == Path("given")


def test_provenance_names_versions_processor_and_command():
    facts = CorpusFacts("text", "char", 65, 10, 2, 3, "abc")
    origin = with_corpus(capture(("tlm-sweeps", "sweep", "x.yaml")), facts)
    assert {"python", "torch", "numpy", "optuna", "tlm_sweeps"} <= origin.versions.keys()
    assert origin.device.startswith("cpu: ")
    assert origin.argv == ("tlm-sweeps", "sweep", "x.yaml")
    assert origin.corpus["fingerprint"] == "abc"
    assert (origin.commit is None) == (origin.dirty is None)
