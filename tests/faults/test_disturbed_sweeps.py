"""A few seeds of the fault harness; `python -m tests.faults` tries as many as one likes."""

import random
from pathlib import Path

import pytest

from tests.faults.disturbing import disturbed, spec_of, undisturbed
from tests.faults.promises import broken_promises


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harness's sweep on a text of random words."""
    folder = tmp_path_factory.mktemp("faults")
    words = random.Random(0).choices(("the", "model", "reads", "a", "window", "of", "tokens"), k=6000)
    (folder / "words.txt").write_text(" ".join(words), encoding="utf-8")
    return spec_of(folder / "words.txt", folder)


@pytest.fixture(scope="module")
def in_peace(spec: Path) -> Path:
    """The sweep's folder when nothing happens to it."""
    undisturbed(spec, spec.parent / "in-peace")
    return spec.parent / "in-peace" / "disturbed"


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_done_to_a_sweep_it_ends_as_if_nothing_had_happened(
    spec: Path, in_peace: Path, tmp_path: Path, seed: int
):
    done = disturbed(spec, tmp_path, seed, faults=3)
    broken, count = broken_promises(tmp_path / "disturbed", in_peace)
    assert not broken, (broken, done)
    assert count.runs == 8
