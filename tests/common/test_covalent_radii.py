from ase.data import chemical_symbols, covalent_radii

from aiida_concerted.common.covalent_radii import COVALENT_RADII


def test_every_radius_is_the_one_that_ase_ships():
    assert COVALENT_RADII == {chemical_symbols[z]: float(covalent_radii[z]) for z in range(1, 97)}
