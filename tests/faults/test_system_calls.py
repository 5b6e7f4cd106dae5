"""A few writes as moments of death, and of a full disk; `python -m tests.faults --system-calls` takes all of them."""

import random
from pathlib import Path

import pytest

from tests.faults.promises import broken_promises
from tests.faults.small_sweeps import FEW_STEPS, NAME, spec_of, text_in
from tests.faults.system_calls import CALLS, faults_of, is_possible, met, moments, writes_in_peace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service,
    pytest.mark.skipif(not is_possible(), reason="needs strace, and the right to follow processes"),
]


def test_whatever_write_a_sweep_dies_at_it_ends_as_if_nothing_had_happened(tmp_path: Path):
    spec = spec_of(text_in(tmp_path), tmp_path, FEW_STEPS)
    writes = writes_in_peace(spec, tmp_path / "in-peace")
    assert set(writes.most) == set(CALLS), "each kind of write is made"
    for place, moment in enumerate(random.Random(0).sample(list(moments(writes.most)), k=8)):
        runs = tmp_path / str(place)
        found = met(spec, runs, moment, writes.files)
        broken, count = broken_promises(runs / NAME, tmp_path / "in-peace" / NAME)
        assert not broken + faults_of(found), moment
        assert (count.runs, count.failed) == (2, 0)
