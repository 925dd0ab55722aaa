"""References of the elements come from the carrier alone."""

import pytest

from aiida_concerted.structures.elements import elemental_reference


@pytest.mark.parametrize(("symbol", "n_atoms"), [("Li", 1), ("Na", 1), ("Cu", 1), ("Mg", 2)])
def test_metals_come_in_their_primitive_cell(symbol, n_atoms):
    atoms = elemental_reference(symbol)
    assert set(atoms.get_chemical_symbols()) == {symbol}
    assert len(atoms) == n_atoms


def test_lithium_is_body_centred():
    assert elemental_reference("Li").get_volume() == pytest.approx(3.49**3 / 2, rel=0.02)


@pytest.mark.parametrize("symbol", ["O", "Xx"])
def test_molecules_and_nonsense_are_refused(symbol):
    with pytest.raises(ValueError, match=symbol):
        elemental_reference(symbol)
