"""Single points are told apart by what changes their result, and by nothing else."""

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_concerted.workflows.vasp.single_points import (
    altered_tags,
    changes_of,
    potentials_of,
    requested_settings,
    sampling_of,
    single_point_key,
)


@pytest.fixture
def vasp(surrogate_code, potcar_family):
    mesh = orm.KpointsData()
    mesh.set_kpoints_mesh([1, 1, 1])
    return {
        "code": surrogate_code,
        "parameters": orm.Dict({"incar": {"encut": 400, "algo": "Fast"}}),
        "potential_family": orm.Str(potcar_family),
        "potential_mapping": orm.Dict({"Li": "Li_sv", "Cl": "Cl"}),
        "kpoints": mesh,
    }


def key(structure, vasp, **changed):
    changed = {**vasp, **changed}
    return single_point_key(structure, changed, potentials_of([structure], changed))


def test_the_result_is_the_same_after_a_translation_by_the_lattice_and_with_another_algorithm(vasp, rock_salt):
    wrapped = rock_salt.clone()
    positions = [np.array(site.position) for site in rock_salt.sites]
    wrapped.reset_sites_positions([positions[0] - np.array(rock_salt.cell)[2], positions[1] + 1e-12])
    assert key(wrapped, vasp) == key(rock_salt, vasp)
    normal = orm.Dict({"incar": {"ENCUT": 400, "algo": "Normal", "ncore": 8}})
    assert key(rock_salt, vasp, parameters=normal) == key(rock_salt, vasp)


@pytest.mark.parametrize("change", ["position", "cutoff", "kpoints", "spacing", "code", "potential"])
def test_what_changes_the_result_changes_the_key(vasp, rock_salt, change, mortal_code, tmp_path):
    before = key(rock_salt, vasp)
    other = rock_salt.clone()
    if change == "position":
        positions = [np.array(site.position) for site in rock_salt.sites]
        other.reset_sites_positions([positions[0], positions[1] + 1e-4])
    elif change == "cutoff":
        vasp["parameters"] = orm.Dict({"incar": {"encut": 401, "algo": "Fast"}})
    elif change == "kpoints":
        vasp["kpoints"] = orm.KpointsData()
        vasp["kpoints"].set_kpoints_mesh([2, 1, 1])
    elif change == "spacing":
        vasp["kpoints_spacing"] = orm.Float(0.05)
    elif change == "code":
        vasp["code"] = mortal_code
    else:
        vasp["potential_family"] = orm.Str(another_family(tmp_path))
    assert key(other, vasp) != before


def another_family(tmp_path):
    """Return a family whose POTCARs have the same names and other content."""
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    for path in write_placeholder_potcars(tmp_path / "other", {"Li_sv": "Li", "Cl": "Cl"}):
        path.write_text(path.read_text().replace("400.000", "401.000"))
    PotcarData.upload_potcar_family(str(tmp_path / "other"), "other", "headers only", stop_if_existing=False)
    return "other"


def test_the_settings_asked_for_are_known_before_the_run(vasp, rock_salt):
    settings = requested_settings([rock_salt], vasp)
    assert settings.tags == {"ENCUT": 400.0}
    assert settings.titles == {"Li": "PAW_PBE Li_sv PLACEHOLDER", "Cl": "PAW_PBE Cl PLACEHOLDER"}
    assert set(map(len, settings.hashes.values())) == {128}
    assert settings.sampling == sampling_of(rock_salt, vasp)


def test_the_density_of_k_points_is_known_before_the_run(vasp, rock_salt):
    volume = rock_salt.get_cell_volume()
    assert sampling_of(rock_salt, vasp).densities == pytest.approx((volume, volume))
    spaced = {**vasp, "kpoints_spacing": orm.Float(0.1)}
    n = np.ceil(np.linalg.norm(np.linalg.inv(rock_salt.cell), axis=0) / 0.1).prod()
    assert sampling_of(rock_salt, spaced).densities[0] == pytest.approx(n * volume)
    listed = orm.KpointsData()
    listed.set_kpoints([[0, 0, 0], [0.25, 0, 0]])
    assert sampling_of(rock_salt, {**vasp, "kpoints": listed}) is None


@pytest.fixture
def run_of(aiida_profile, fast_localhost):
    """Return a function that makes a run with a calculation for each INCAR."""

    def make(*incars):
        run = orm.WorkChainNode().store()
        for number, incar in enumerate(incars):
            calculation = orm.CalcJobNode(computer=fast_localhost, process_type="aiida.calculations:vasp.vasp")
            calculation.base.links.add_incoming(orm.Dict(incar).store(), LinkType.INPUT_CALC, "parameters")
            calculation.base.links.add_incoming(run, LinkType.CALL_CALC, f"iteration_{number}")
            calculation.store()
        return run

    return make


def test_what_mending_changed_is_told(run_of):
    run = run_of(
        {"encut": 400, "algo": "Fast"}, {"encut": 400, "algo": "Fast"}, {"encut": 400, "ALGO": "All", "amix": 0.1}
    )
    assert changes_of(run) == ["try 2: the same inputs again", "try 3: ALGO Fast → All, AMIX unset → 0.1"]
    assert altered_tags(run) == []


def test_a_change_on_which_the_energy_depends_is_found(run_of):
    run = run_of({"encut": 400, "sigma": 0.05}, {"encut": 400, "sigma": 0.2, "ISYM": 0, "algo": "All"})
    assert altered_tags(run) == ["ISYM", "SIGMA"]
    assert changes_of(run_of({"encut": 400})) == []
