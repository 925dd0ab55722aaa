from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.data.conversion import (
    arrays_of_frame,
    arrays_of_structure,
    atoms_of_structure,
    structure_of_arrays,
    structure_of_frame,
    write_frames,
)
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.deepmd_npy import read_deepmd_npy
from tests.synthetic_md import SKEWED, random_frames, small_trajectory

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


def test_structures_and_arrays_turn_into_each_other():
    positions = np.random.default_rng(1).uniform(-3, 12, size=(3, 3))
    structure = structure_of_arrays(SKEWED, positions, ("S", "Li", "S"))
    cell, found, species = arrays_of_structure(orm.load_node(structure.store().pk))
    np.testing.assert_array_equal(cell, SKEWED)
    np.testing.assert_allclose(found, positions, rtol=1e-12)  # the database keeps 14 digits
    assert species == ("S", "Li", "S")
    assert structure.pbc == (True, True, True)


def test_a_kind_with_a_name_of_its_own_is_its_element():
    structure = orm.StructureData(cell=np.eye(3) * 5)
    structure.append_atom(symbols="Li", name="Li1", position=(0, 0, 0))
    structure.append_atom(symbols="Li", name="Li2", position=(1, 0, 0))
    assert arrays_of_structure(structure)[2] == ("Li", "Li")


def test_a_disordered_structure_is_refused():
    structure = orm.StructureData(cell=np.eye(3) * 5)
    structure.append_atom(symbols=("Ge", "P"), weights=(0.5, 0.5), name="GeP", position=(0, 0, 0))
    with pytest.raises(ValueError, match="'GeP' of the structure is disordered"):
        arrays_of_structure(structure)


def test_a_frame_becomes_the_structure_with_its_atoms_in_their_first_order():
    original = small_trajectory()
    ids = {"carrier_ids": np.array([8, 1, 2, 5, 4]), "framework_ids": np.array([0, 3, 6, 7])}
    node = MolecularDynamicsData.from_trajectory(original, **ids)
    cell, positions, species = arrays_of_frame(node, 6)
    np.testing.assert_allclose(positions[ids["carrier_ids"]], original.carriers[6], atol=2e-6)
    structure = structure_of_frame(node, 6)
    assert tuple(structure.get_site_kindnames()) == species
    wrapped = np.array([site.position for site in structure.sites])
    fractional = wrapped @ np.linalg.inv(cell)
    assert (fractional > -1e-9).all()
    assert (fractional < 1 + 1e-9).all()
    shifts = (positions - wrapped) @ np.linalg.inv(cell)
    np.testing.assert_allclose(shifts, np.round(shifts), atol=1e-9)


def test_a_dataset_becomes_a_folder_for_deepmd(tmp_path):
    frames = random_frames()
    write_frames(LabelledFramesData(frames, level_of_theory="test"), tmp_path, ["Li", "Ge", "P", "S"])
    assert (tmp_path / "type.raw").read_text().split() == ["0", "0", "2", "3", "3"]
    np.testing.assert_array_equal(read_deepmd_npy(tmp_path).forces, frames.forces)


def test_atoms_are_their_elements_whatever_their_kinds():
    structure = orm.StructureData(cell=SKEWED.tolist())
    for name, position in (("Li1", (0.0, 0.0, 0.0)), ("Li2", (1.0, 2.0, 3.0))):
        structure.append_atom(symbols="Li", name=name, position=position)
    atoms = atoms_of_structure(structure)
    assert orm.StructureData(ase=atoms).get_kind_names() == ["Li"]
    np.testing.assert_allclose(atoms.positions[1], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(atoms.cell.array, SKEWED)
