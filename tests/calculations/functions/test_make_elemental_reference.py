"""Elements as nodes."""

from aiida import orm

from aiida_concerted.calculations.functions.make_elemental_reference import make_elemental_reference


def test_lithium_is_one_atom(aiida_profile):
    assert make_elemental_reference(orm.Str("Li")).get_formula() == "Li"


def test_a_molecule_ends_with_a_reason(aiida_profile):
    _, node = make_elemental_reference.run_get_node(orm.Str("O"))
    assert node.exit_status == 210
    assert "give its structure" in node.exit_message
