"""Fixtures of all work chains."""

import io

import pytest
from aiida import orm

from aiida_concerted.data.potential import DeepPotentialData
from tests.engines import TYPE_MAP


@pytest.fixture
def process_of():
    """Return a function that makes the process of a builder without running it."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage.manager import get_manager

    def instantiate(builder):
        return instantiate_process(get_manager().get_runner(), builder)

    return instantiate


@pytest.fixture
def potentials(aiida_profile):
    """Return two potentials whose files hold no weights."""
    return {
        f"model_{index}": DeepPotentialData(
            io.BytesIO(b"weights %d" % index), filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3",
            level_of_theory="test", material="LGPS",
        ).store()
        for index in range(2)
    }  # fmt: skip


@pytest.fixture
def sound_structure(aiida_profile):
    """Return sixteen atoms with the elements of LGPS."""
    from tests.engines import small_crystal

    return orm.StructureData(ase=small_crystal())
