"""Facts of texts on demand: read once, and refused once."""

from pathlib import Path

import pytest

from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec.experiment import ExperimentSpec


def test_a_text_that_cannot_be_had_is_asked_for_once(tmp_path: Path):
    """A Hub that does not answer costs seconds each time, and many settings may name one set."""
    text = tmp_path / "text.txt"
    model = {"kind": "linear", "width": 8}
    experiment = ExperimentSpec.model_validate({"corpus": {"path": str(text)}, "model": model})
    facts_of = facts_reader()
    for _ in range(2):
        with pytest.raises(InputError, match="does not exist"):
            facts_of(experiment)
        text.write_text("It is there now. " * 100)
    assert facts_reader()(experiment).n_train == 1360
