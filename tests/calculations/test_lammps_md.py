from __future__ import annotations

import io
import re

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.data.conversion import arrays_of_frame, structure_of_arrays
from aiida_concerted.data.potential import DeepPotentialData
from tests.engines import TYPE_MAP, small_crystal

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")

PARAMETERS = {
    "carrier": "Li",
    "temperature_K": 300,
    "timestep_fs": 2.0,
    "production_ps": 0.2,
    "frame_interval_ps": 0.02,
    "seed": 5,
}


def potential(file=None, **changes):
    facts = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3.2.0", "level_of_theory": "test", "material": "toy"}
    content = io.BytesIO(b"weights") if file is None else io.BytesIO(file.read_bytes())
    return DeepPotentialData(content, filename="model.pb", **{**facts, **changes})


def turned_crystal():
    """The crystal in axes that are not LAMMPS', its atoms in mixed order."""
    crystal = small_crystal()
    crystal.rotate(35, (1, 2, 3), rotate_cell=True)
    order = np.random.default_rng(2).permutation(len(crystal))
    return crystal[order]


def builder_of(code, models, crystal=None, **changes):
    crystal = turned_crystal() if crystal is None else crystal
    builder = LammpsMdCalculation.get_builder()
    builder.code = code
    builder.structure = structure_of_arrays(crystal.cell.array, crystal.positions, tuple(crystal.symbols))
    builder.models = {f"model_{number}": model for number, model in enumerate(models)}
    builder.parameters = orm.Dict({**PARAMETERS, **changes})
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    return builder


@pytest.mark.lammps
def test_a_committee_runs_and_every_frame_comes_back_in_the_axes_of_the_structure(lmp_code, tiny_models):
    crystal = turned_crystal()
    potentials = [potential(path) for path in tiny_models]
    outputs, node = run_get_node(builder_of(lmp_code, potentials, crystal))
    assert node.is_finished_ok, node.exit_message
    trajectory = outputs["trajectory"].get_trajectory()
    assert (trajectory.n_frames, trajectory.n_carriers, trajectory.n_atoms) == (11, 5, 16)
    with outputs["trajectory"].reader() as reader:
        species, first = reader.frame(0)
        _, last = reader.frame(10)
    assert species == tuple(crystal.symbols)
    np.testing.assert_allclose(first, crystal.positions, atol=5e-6)
    final = np.array([site.position for site in outputs["structure"].sites])
    np.testing.assert_allclose(last, final, atol=5e-6)
    assert 0.01 < np.abs(last - first).max() < 2.0
    mean = (trajectory.framework - trajectory.framework[0]).mean(axis=1)
    np.testing.assert_allclose(trajectory.framework_displacement, mean, atol=5e-6)
    attributes = outputs["trajectory"].base.attributes.all
    expected = {
        "formula": "Li5GeP2S8", "temperature_K": 300.0, "seed": 5, "material": "toy",
        "level_of_theory": "test", "potential_sha256": potentials[0].sha256, "frame_interval_ps": 0.02,
    }  # fmt: skip
    assert {key: attributes[key] for key in expected} == expected

    deviation = outputs["model_deviation"]
    assert deviation.get_array("frame").tolist() == list(range(11))
    assert (deviation.get_array("max_devi_f_eV_A") > 0).all()
    thermo, results = outputs["thermo"], outputs["results"].get_dict()
    assert thermo.get_array("step").tolist() == list(range(0, 101, 10))
    assert thermo.get_array("temperature_K")[0] == pytest.approx(300.0)
    assert (results["steps_done"], results["exit_reason"], results["n_frames"]) == (100, "finished", 11)
    assert abs(results["energy_drift_eV_per_atom_ps"]) < 0.05
    kept = node.base.repository.list_object_names()
    assert "input.in" in kept
    assert not any(name.endswith(".pb") for name in kept)


@pytest.mark.lammps
def test_at_constant_pressure_each_frame_has_its_cell_in_the_axes_of_the_structure(lmp_code, tiny_models):
    crystal = turned_crystal()
    changes = {"pressure_bar": 50_000.0, "barostat_damping_ps": 0.1}
    outputs, node = run_get_node(builder_of(lmp_code, [potential(tiny_models[0])], crystal, **changes))
    assert node.is_finished_ok, node.exit_message
    with outputs["trajectory"].reader() as reader:
        first, last = reader.cell(0), reader.cell(10)
    np.testing.assert_allclose(first, crystal.cell.array, atol=1e-5)
    scales = last @ np.linalg.inv(first)  # each vector keeps its direction
    np.testing.assert_allclose(scales, np.diag(np.diag(scales)), atol=1e-5)
    assert (np.abs(np.diag(scales) - 1.0) > 1e-3).all()
    final = outputs["structure"]
    np.testing.assert_allclose(np.array(final.cell), last, atol=1e-4)
    np.testing.assert_allclose(arrays_of_frame(outputs["trajectory"], 10)[0], last)


@pytest.mark.lammps
def test_a_run_that_explodes_is_stopped_and_its_sound_frames_are_kept(lmp_code, tiny_models):
    builder = builder_of(
        lmp_code,
        [potential(tiny_models[0])],
        temperature_K=600,
        timestep_fs=25.0,
        production_ps=125.0,
        frame_interval_ps=0.025,
    )
    outputs, node = run_get_node(builder)
    assert 510 <= node.exit_status <= 512, node.exit_message
    assert "lower timestep_fs" in node.exit_message or "not finite" in node.exit_message
    assert np.isfinite(outputs["trajectory"].get_trajectory().carriers).all()
    assert "model_deviation" not in outputs
    assert outputs["results"]["steps_done"] < 5000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temprature_K": 5}, "unknown key 'temprature_K' in parameters: did you mean 'temperature_K'?"),
        ({"carrier": "Na"}, "holds no Na: set carrier to its mobile element"),
        ({"frame_interval_ps": 0.015}, "must be a multiple of timestep_fs"),
    ],
)
def test_unfit_parameters_are_refused_at_the_door(lmp_code, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run_get_node(builder_of(lmp_code, [potential()], **changes))


@pytest.mark.parametrize(
    ("potentials", "message"),
    [
        ([], "models needs at least one potential"),
        ([{"cutoff_A": 6.0}], "the cell is 5.20 Å high, less than the cutoff of 6 Å: build a supercell first"),
        ([{"type_map": ["Li", "P", "S"]}], "the potential knows Li, P, S, not Ge: train it on them"),
        ([{}, {"cutoff_A": 4.0}], "must have the same type_map and cutoff_A"),
        ([{}, {"type_map": TYPE_MAP[::-1]}], "must have the same type_map and cutoff_A"),
    ],
)
def test_potentials_that_do_not_fit_the_structure_are_refused(lmp_code, potentials, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run_get_node(builder_of(lmp_code, [potential(**changes) for changes in potentials]))


def test_the_wall_time_of_the_scheduler_becomes_lammps_own_limit(lmp_code, aiida_profile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seconds, limit in ((3600, "0:59:00"), (100, "0:01:30")):
        builder = builder_of(lmp_code, [potential()])
        builder.metadata.options.max_wallclock_seconds = seconds
        builder.metadata.dry_run = True
        builder.metadata.store_provenance = False
        _, node = run_get_node(builder)
        folder = node.dry_run_info["folder"]
        assert f"timer timeout {limit} " in (tmp_path / folder / "input.in").read_text()


def test_exit_codes_are_told_apart_from_inherited_ones():
    codes = list(LammpsMdCalculation.exit_codes.values())
    assert len({code.status for code in codes}) == len(codes)
    assert {"script", "files", "filenames"}.isdisjoint(LammpsMdCalculation.spec().inputs)


@pytest.mark.lammps
def test_a_wall_that_no_pair_meets_changes_nothing_and_one_that_all_meet_does(lmp_code, tiny_models):
    potentials = [potential(path) for path in tiny_models]
    runs = {}
    for wall in (None, 0.5, 3.0):
        outputs, node = run_get_node(builder_of(lmp_code, potentials, production_ps=0.06, wall_A=wall))
        assert wall == 3.0 or node.is_finished_ok, node.exit_message
        runs[wall] = outputs
    plain, far = (runs[wall]["trajectory"].get_trajectory().carriers for wall in (None, 0.5))
    np.testing.assert_allclose(far, plain, atol=1e-6)
    np.testing.assert_allclose(
        runs[0.5]["model_deviation"].get_array("max_devi_f_eV_A"),
        runs[None]["model_deviation"].get_array("max_devi_f_eV_A"), rtol=1e-6,
    )  # fmt: skip
    energies = [runs[wall]["thermo"].get_array("potential_energy_eV")[0] for wall in (None, 3.0)]
    assert energies[1] > energies[0] + 0.1


@pytest.mark.lammps
def test_a_run_whose_framework_melts_is_stopped_and_says_so(lmp_code, tiny_models):
    builder = builder_of(
        lmp_code, [potential(tiny_models[0])], temperature_K=1500, production_ps=20.0, max_framework_displacement_A=0.5
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == LammpsMdCalculation.exit_codes.ERROR_FRAMEWORK_MELTED.status, node.exit_message
    assert "fix-id melted" in node.exit_message
    run = outputs["trajectory"].get_trajectory()
    assert 1 < run.n_frames < 1000
    moved = run.framework[-1] - run.framework[0]
    for symbol in ("Ge", "P", "S"):
        own = moved[[name == symbol for name in run.framework_species]]
        assert np.sqrt((own**2).sum(axis=1).mean()) > 0.3  # the last frame is one before the guard's look


@pytest.mark.lammps
def test_a_committee_that_disagrees_is_named_and_its_frames_are_kept(lmp_code, tiny_models):
    """For longer than it may: what one segment saw of it counts in the next."""
    limits = {"max_deviation_eV_A": 1e-6, "max_deviation_ps": 0.25}
    builder = builder_of(lmp_code, [potential(path) for path in tiny_models], **limits)
    first, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    builder = builder_of(lmp_code, [potential(path) for path in tiny_models], **limits, production_ps=0.4)
    builder.restart = first["restart"]
    outputs, node = run_get_node(builder)
    assert node.exit_status == LammpsMdCalculation.exit_codes.ERROR_COMMITTEE_DISAGREES.status, node.exit_message
    assert "more than 1e-06 eV/Å from step 0 to 200:" in node.exit_message
    assert outputs["trajectory"].n_frames == 11


def test_a_deviation_of_one_potential_is_refused(lmp_code):
    with pytest.raises(ValueError, match="one potential has no deviation; give a committee"):
        run_get_node(builder_of(lmp_code, [potential()], max_deviation_eV_A=0.3))
