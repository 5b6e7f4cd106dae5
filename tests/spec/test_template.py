"""`tlm-sweeps init` prints a spec that is valid as it is, with a few words on its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlm_sweeps.errors import InputError
from tlm_sweeps.spec import load_sweep, template


@pytest.mark.parametrize("name", ["first", "2026", "off", "1e5", "0x10", "a" * 100])
def test_the_template_loads_under_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(template(name), encoding="utf-8")
    spec = load_sweep(path).spec
    assert spec.name == name
    assert spec.experiment.corpus.name == "python-docs"
    assert spec.budget is not None


def test_every_line_of_the_template_is_short_and_most_are_explained() -> None:
    lines = template("first").splitlines()
    assert max(map(len, lines)) <= 120
    assert sum("#" in line for line in lines) > len([line for line in lines if ":" in line]) / 2


@pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "a" * 101])
def test_a_name_that_names_no_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot name a sweep"):
        template(name)
