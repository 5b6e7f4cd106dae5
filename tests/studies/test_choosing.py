"""What a user names: keys of a study in any case, and the folder of its specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.study_runs import SPECS
from tlm_sweeps.errors import InputError
from tlm_sweeps.studies.choosing import specs_of, study_of

STUDY = "architecture-tradeoffs"


def keys(*asked: str) -> list[str]:
    """Of what is chosen by these words."""
    study = study_of(STUDY, asked)
    return [part.key for part in (*study.tables, *study.answers)]


def test_keys_are_found_in_any_case_and_groups_are_keys():
    assert keys("HEADS", "a4", "q7") == keys("heads", "A4", "Q7") == ["heads", "A4", "Q7"]
    assert keys("Claims") == [f"A{number}" for number in range(1, 7)]
    assert keys("questions", "Q1") == [f"Q{number}" for number in range(1, 8)]
    assert len(keys()) == 7 + 6 + 7


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("claim", "did you mean `claims`?"),
        ("DEPHT", "did you mean `depth`?"),
        ("A7", "valid: 1, 2, 3, context, hidden, heads, depth, A1, A2, A3, A4, A5, A6, Q1, "),
        ("zzz", "Q6, Q7, claims, questions"),
    ],
)
def test_an_unknown_key_is_refused_with_those_that_there_are(word: str, hint: str):
    with pytest.raises(InputError, match=f"no table `{word}`") as refused:
        study_of(STUDY, [word])
    assert hint in refused.value.problems[0].hint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the spec of the sweep over heads."""
    (tmp_path / "heads.yaml").write_bytes((SPECS / "sweep-heads.yaml").read_bytes())
    return tmp_path


def test_two_specs_of_one_sweep_are_refused(folder: Path):
    study = study_of(STUDY, ["heads"])
    assert [loaded.spec.name for loaded in specs_of(study, folder)] == ["tradeoffs-heads"]
    (folder / "old.yaml").write_bytes((folder / "heads.yaml").read_bytes())
    with pytest.raises(InputError, match=r"heads\.yaml and old\.yaml are both of the sweep `tradeoffs-heads`"):
        specs_of(study, folder)


def test_files_that_are_no_text_are_none_of_the_study_s(folder: Path):
    (folder / "picture.yaml").write_bytes(bytes(range(128, 256)))
    assert len(specs_of(study_of(STUDY, ["heads"]), folder)) == 1


def test_a_file_in_place_of_the_folder_is_said(folder: Path):
    for place, what in ((folder / "heads.yaml", "is no folder"), (folder / "nowhere", "is not there")):
        with pytest.raises(InputError, match=what) as refused:
            specs_of(study_of(STUDY, ["heads"]), place)
        assert str(place) in refused.value.problems[0].place
