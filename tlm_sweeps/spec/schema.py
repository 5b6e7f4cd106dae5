"""The JSON schema of a sweep, so that editors complete and check spec files."""

from __future__ import annotations

from typing import Any

from tlm_sweeps.spec.field_names import experiment_fields
from tlm_sweeps.spec.sweep import SweepSpec


def sweep_schema() -> dict[str, Any]:
    """A JSON schema (draft 2020-12) of spec files, derived from the models and their docstrings."""
    schema = _bare(SweepSpec.model_json_schema())
    search = schema["properties"]["search"]
    search["propertyNames"] = {"enum": list(experiment_fields())}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _bare(schema: Any) -> Any:
    """Without the titles that repeat field names, and without OpenAPI's word for what `const` already says."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _bare(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "discriminator" and "oneOf" in schema)
    }
