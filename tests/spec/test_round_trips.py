"""Rules that hold for every spec, shown on random ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.strategies import name, positive, sweeps, text
from tlm_sweeps.errors import InputError
from tlm_sweeps.spec import SweepSpec, compose, difference, fingerprint, load_sweep, problems_of_sweep, to_yaml

quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def spec_of(data: dict[str, Any]) -> SweepSpec:
    """A sweep from the data of a file."""
    return SweepSpec.model_validate_json(json.dumps(data))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a spec is written and read back."""
    return tmp_path_factory.mktemp("specs") / "spec.yaml"


@quick
@given(sweeps())
def test_a_spec_written_as_yaml_is_read_back_the_same(file: Path, data: dict[str, Any]) -> None:
    spec = spec_of(data)
    assert problems_of_sweep(spec) == []
    file.write_text(to_yaml(spec), encoding="utf-8")
    read = load_sweep(file).spec
    assert read == spec
    assert read.model_dump(exclude_unset=True) == spec.model_dump(exclude_unset=True)
    assert fingerprint(read) == fingerprint(spec)
    assert difference(spec, read) == []


@quick
@given(sweeps())
def test_yaml_that_is_written_is_yaml_to_everybody(data: dict[str, Any]) -> None:
    spec = spec_of(data)
    written = yaml.safe_load(to_yaml(spec))
    assert written["name"] == spec.name
    assert written.get("question", "") == spec.question
    assert list(written.get("search", {})) == list(spec.search)


@quick
@given(sweeps())
def test_composing_nothing_is_the_experiment(data: dict[str, Any]) -> None:
    spec = spec_of(data)
    composed = compose(spec, {})
    assert composed == spec.experiment
    assert composed.model_dump(exclude_unset=True) == spec.experiment.model_dump(exclude_unset=True)


@quick
@given(sweeps(), sweeps())
def test_two_specs_differ_where_their_fingerprints_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = spec_of(one), spec_of(other)
    assert (difference(old, new) == []) == (fingerprint(old) == fingerprint(new))


def _paths(data: Any) -> list[tuple[Any, Any]]:
    """Every container of some data with a key or index in it."""
    if not isinstance(data, dict | list):
        return []
    entries = list(data.items() if isinstance(data, dict) else enumerate(data))
    return [(data, key) for key, _ in entries] + [pair for _, value in entries for pair in _paths(value)]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | positive | text | st.sampled_from(["linear", "mlp", "epochs", "width"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(name, inner, max_size=2),
    max_leaves=4,
)


@settings(quick, max_examples=300)
@given(sweeps(), _ANYTHING, st.data())
def test_whatever_a_file_holds_the_answer_is_a_sweep_or_an_input_error(
    file: Path, data: dict[str, Any], anything: Any, choice: st.DataObject
) -> None:
    data = json.loads(json.dumps(data))  # Parts of what strategies draw are shared between examples.
    container, key = choice.draw(st.sampled_from(_paths(data)))
    if isinstance(container, dict) and choice.draw(st.booleans()):
        container[f"{key}x"] = anything
    else:
        container[key] = anything
    file.write_text(json.dumps(data), encoding="utf-8")
    try:
        spec = load_sweep(file).spec
    except InputError as error:
        said = str(error)
    else:
        said = ""
        assert problems_of_sweep(spec) == []
    assert not any(noise in said for noise in ("Input should", "function-", "constrained-", "pydantic", "nullable["))
