"""Formation energies by hand."""

import pytest
from aiida import orm
from ase.build import bulk

from aiida_concerted.calculations.functions.compute_vacancy_energies import average_by_label, compute_vacancy_energies
from tests.calculations.functions.vasp_runs import retrieved


def site(index, label, multiplicity=1, distance=0.1):
    return {"name": f"vacancy_{index:03d}", "label": label, "multiplicity": multiplicity, "distance_A": distance}


PLAN = {
    "sites": [site(0, "Li1"), site(1, "Li1", multiplicity=3, distance=1.5), site(2, "Li2")],
    "missing_labels": ["Li4"], "carrier": "Li", "material": "LGPS",
}  # fmt: skip


def run(energy, **more):
    return retrieved(energies=(0.0, energy), electronic=(1, 1), **more)


@pytest.fixture
def compute(aiida_profile):
    perfect = orm.StructureData(ase=bulk("LiCl", "rocksalt", a=5.1, cubic=True))
    reference = orm.StructureData(ase=bulk("Mg"))  # two atoms: the energy of the cell is not that of the atom

    def call(runs):
        named = {f"run_{name}": node for name, node in runs.items()}
        settings = orm.Dict({"max_distance_A": 1.2})
        return compute_vacancy_energies.run_get_node(orm.Dict(PLAN), perfect, reference, settings, **named)

    return call


def test_energy_is_vacancy_plus_one_reference_atom_minus_perfect(compute):
    runs = {"perfect": run(-100.0), "reference": run(-4.0), "vacancy_000": run(-95.0), "vacancy_001": run(-94.0)}
    result, _ = compute(runs)
    assert result["formation_energy_eV"] == {"Li1": pytest.approx((3.0 + 3 * 4.0) / 4)}
    assert result["spread_eV"] == {"Li1": pytest.approx((0.25 * 0.75**2 + 0.75 * 0.25**2) ** 0.5)}
    assert result["n_sites"] == {"Li1": 2}
    assert result["missing_labels"] == ["Li4"]
    assert (result["material"], result["formula"], result["n_atoms"]) == ("LGPS", "LiCl", 8)
    details = result.get_result()
    assert details["failed"] == ["vacancy_002"]
    assert details["doubtful_labels"] == ["vacancy_001"]


def test_one_site_has_no_spread():
    numbers = average_by_label([{**site(0, "Li2"), "formation_energy_eV": 3.0}])
    assert numbers == {"formation_energy_eV": {"Li2": 3.0}, "spread_eV": {}, "n_sites": {"Li2": 1}}


def test_energies_of_two_programs_are_not_subtracted(compute):
    other = run(-95.0, build="concerted-vasp-surrogate 0.1: NOT DFT")
    _, node = compute({"perfect": run(-100.0), "reference": run(-4.0), "vacancy_000": other})
    assert node.exit_status == 413


def test_no_vacancy_is_no_result(compute):
    _, node = compute({"perfect": run(-100.0), "reference": run(-4.0)})
    assert node.exit_status == 411
