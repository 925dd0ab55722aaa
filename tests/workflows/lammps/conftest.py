"""Fixtures of the work chains that run LAMMPS."""

import pytest

from aiida_concerted.data.potential import DeepPotentialData
from tests.engines import TYPE_MAP


@pytest.fixture
def committee(tiny_models):
    """Return two potentials by name."""
    facts = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3", "level_of_theory": "test"}
    models = {}
    for number, path in enumerate(tiny_models):
        with path.open("rb") as handle:
            models[f"m{number}"] = DeepPotentialData(handle, filename="model.pb", **facts)
    return models
