"""Fixtures of all work chains."""

import io

import pytest
from aiida import orm

from aiida_concerted.data.potential import DeepPotentialData
from tests.conftest import SINGLE_THREAD, executable
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


@pytest.fixture
def driver(tiny_models):
    """Return one real potential by name."""
    with tiny_models[0].open("rb") as handle:
        return {
            "m": DeepPotentialData(
                handle, filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3", level_of_theory="test"
            ).store()
        }


KILLED = """#!/bin/bash
# LAMMPS, of which every replica is killed in its first job at a step that is past two restart files
folder=$(dirname "$2")
if [ ! -e "$folder/start.restart" ]; then
  sed -i -e "s/^variable production loop 1 4$/variable production loop 1 2/" \\
    -e "s/^run 260 upto$/run 150 upto\\nshell \\"kill -9 \\$PPID\\"/" "$2"
fi
exec "{lmp}" "$@"
"""


@pytest.fixture
def lammps_killed_once(fast_localhost, tmp_path):
    """Return a function that makes the code of a LAMMPS whose machine goes down once, as a script says."""

    def make(script):
        path = tmp_path / "lmp"
        path.write_text(script.format(lmp=executable("lmp")))
        path.chmod(0o755)
        return orm.InstalledCode(
            label="killed", computer=fast_localhost, filepath_executable=str(path), prepend_text=SINGLE_THREAD,
            default_calc_job_plugin="concerted.lammps.md",
        ).store()  # fmt: skip

    return make


@pytest.fixture
def killed_replicas_code(lammps_killed_once):
    """Return the code of a LAMMPS whose replicas are killed in their first job."""
    return lammps_killed_once(KILLED)
