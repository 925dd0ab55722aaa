"""Supercells as nodes."""

from aiida import orm
from ase.build import bulk

from aiida_concerted.calculations.functions.make_supercell import make_supercell


def test_supercell_is_linked_to_its_cell(aiida_profile):
    structure = orm.StructureData(ase=bulk("NaCl", "rocksalt", a=5.6))
    result, node = make_supercell.run_get_node(structure, orm.List([1, 2, 1]))
    assert len(result.sites) == 4
    assert node.inputs.structure.uuid == structure.uuid


def test_what_is_no_supercell_ends_with_a_reason(aiida_profile):
    structure = orm.StructureData(ase=bulk("NaCl", "rocksalt", a=5.6))
    _, node = make_supercell.run_get_node(structure, orm.List([1, 2]))
    assert node.exit_status == 210
    assert "three whole numbers" in node.exit_message
