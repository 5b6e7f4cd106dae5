"""What to run: sweeps as frozen data, read from YAML, checked, composed, compared. No torch, no services."""

from tlm_sweeps.spec.composition import compose
from tlm_sweeps.spec.contradictions import contradictions
from tlm_sweeps.spec.difference import difference
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.fingerprint import canonical_json, fingerprint
from tlm_sweeps.spec.loading import LoadedSweep, load_sweep
from tlm_sweeps.spec.rules import problems_of_sweep
from tlm_sweeps.spec.schema import sweep_schema
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.spec.template import template
from tlm_sweeps.spec.yaml_writing import to_yaml

__all__ = [
    "ExperimentSpec",
    "LoadedSweep",
    "SweepSpec",
    "canonical_json",
    "compose",
    "contradictions",
    "difference",
    "fingerprint",
    "load_sweep",
    "problems_of_sweep",
    "sweep_schema",
    "template",
    "to_yaml",
]
