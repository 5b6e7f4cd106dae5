"""The JSON schema accepts what the loader accepts, and completes what an editor needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tlm_sweeps.spec import load_sweep, sweep_schema, template, to_yaml
from tlm_sweeps.spec.yaml_source import read_text

SCHEMA = sweep_schema()
SPECS = sorted((Path(__file__).parents[2] / "sweeps").rglob("*.yaml"))


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value fits a schema: the keywords that ours uses, from the standard's definitions."""
    if "$ref" in schema:
        return accepts(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value)
    return all(
        (
            _type_fits(schema, value),
            value in schema.get("enum", [value]),
            value == schema.get("const", value),
            "anyOf" not in schema or any(accepts(each, value) for each in schema["anyOf"]),
            "oneOf" not in schema or sum(accepts(each, value) for each in schema["oneOf"]) == 1,
            _number_fits(schema, value),
            _object_fits(schema, value),
            _array_fits(schema, value),
        )
    )


def _type_fits(schema: dict[str, Any], value: Any) -> bool:
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    if "type" not in schema or schema["type"] in kinds:
        return isinstance(value, kinds.get(schema.get("type", ""), object))
    assert schema["type"] in {"integer", "number"}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (schema["type"] == "number" or value == int(value))


def _number_fits(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    above = value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", value - 1)
    return above and value <= schema.get("maximum", value) and value < schema.get("exclusiveMaximum", value + 1)


def _object_fits(schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    if others is False and value.keys() - known.keys():
        return False
    rest = others if isinstance(others, dict) else {}
    names_fit = all(key in schema.get("propertyNames", {"enum": value})["enum"] for key in value)
    fits = all(accepts(known.get(key, rest), each) for key, each in value.items())
    return names_fit and fits and set(schema.get("required", [])) <= value.keys()


def _array_fits(schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, list):
        return True
    first = schema.get("prefixItems", [])
    items = [accepts(each, item) for each, item in zip(first, value, strict=False)]
    items += [accepts(schema.get("items", {}), item) for item in value[len(first) :]]
    return all(items) and schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))


def test_the_template_and_what_is_written_fit_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(template("first"), encoding="utf-8")
    for text in (template("first"), to_yaml(load_sweep(path).spec)):
        assert accepts(SCHEMA, read_text(text, "test").data)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_our_own_specs_load_and_fit_the_schema(path: Path) -> None:
    load_sweep(path)
    assert accepts(SCHEMA, read_text(path.read_text(encoding="utf-8"), "test").data)


GOOD: dict[str, Any] = {
    "name": "a",
    "experiment": {"corpus": {"name": "ptb"}, "model": {"kind": "linear", "width": 8}},
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"budget": {"flops": "20 TFLOPs", "tolerance": "1%"}},
        {"budget": {"flops": [1e13, 2e13], "total": None}},
        {"seeds": [1, 2]},
        {"search": {"model.width": [8, 16], "training.learning_rate": {"log_uniform": [1e-4, 1e-3]}}},
        {"baselines": {"b": {"model": {"kind": "mlp"}, "training.predict": "last"}}},
        {"experiment": GOOD["experiment"] | {"corpus": {"split": "paper"}, "evaluation": {"every": "epoch"}}},
        {"experiment": GOOD["experiment"] | {"training": {"betas": [0.9, 0.99]}}},
        {"engine": {"trials": 3}},
        {"engine": {"kind": "wandb", "method": "grid", "scheduler": "optuna"}},
    ],
)
def test_the_schema_accepts_every_way_to_write_a_field(more: dict[str, Any]) -> None:
    assert accepts(SCHEMA, GOOD | more)


@pytest.mark.parametrize(
    "more",
    [
        {"seed": 1},
        {"seeds": []},
        {"seeds": True},
        {"search": {"model.dept": [1]}},
        {"search": {"model.depth": 3}},
        {"search": {"model.depth": {"uniform": [1]}}},
        {"budget": {"account": "6nd"}},
        {"engine": {"sampler": "tpr"}},
        {"engine": {"kind": "wandb", "sampler": "tpe"}},
        {"engine": {"method": "grid"}},
        {"experiment": GOOD["experiment"] | {"model": {"kind": "linear", "depth": 2}}},
        {"experiment": GOOD["experiment"] | {"model": {"width": 2}}},
        {"experiment": GOOD["experiment"] | {"training": {"betas": [0.9]}}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(more: dict[str, Any]) -> None:
    assert not accepts(SCHEMA, GOOD | more)


def test_every_field_is_described_and_no_title_repeats_its_name() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert '"title"' not in json.dumps(SCHEMA)
    assert '"$id"' not in json.dumps(SCHEMA)
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        for field in part.get("properties", {}).values():
            assert field.get("description")
