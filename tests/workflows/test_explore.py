"""An exploration: what runs, and how what failed counts."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from plumpy.process_states import ProcessState

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.workflows.explore import ExploreWorkChain, run_name
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from tests.data.test_stashed import stashed_run
from tests.engines import LATTICE, TYPE_MAP, small_crystal
from tests.workflows.ended import ended

N_FRAMES = 6
OVERRIDES = {
    "temperatures_K": [300, 900],
    "selection": {"trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.3, "max_selected": 2},
    "md": {"equilibration_ps": 0.0, "production_ps": 0.1, "frame_interval_ps": 0.02, "deviation_interval_ps": 0.02},
}
PHYSICS = LammpsMdWorkChain.exit_codes.ERROR_PHYSICS.status
WALL_TIME = 410


@pytest.fixture
def process(process_of, lmp_code, potentials, sound_structure):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides=OVERRIDES
    )
    process = process_of(builder)
    process.setup()
    process.prepare_cells()
    return process


def explored(deviations, exit_status=0, temperature=300.0, called=()):
    """Return a run of the small crystal with one deviation a frame."""
    crystal = small_crystal()
    is_carrier = crystal.symbols == "Li"
    positions = np.tile(crystal.positions, (len(deviations), 1, 1))
    trajectory = Trajectory(
        "Li", positions[:, is_carrier], np.diag([2, 1, 1]) * LATTICE, 0.02, temperature_K=temperature,
        framework_species=tuple(crystal.symbols[~is_carrier]), framework=positions[:, ~is_carrier],
        framework_displacement=np.zeros((len(deviations), 3)),
    )  # fmt: skip
    node = orm.ArrayData()
    node.set_array("frame", np.arange(len(deviations)))
    node.set_array("max_devi_f_eV_A", np.array(deviations))
    outputs = {
        "model_deviation": node,
        "trajectory": MolecularDynamicsData.from_trajectory(trajectory, level_of_theory="test"),
    }
    return ended(LammpsMdWorkChain, outputs, exit_status=exit_status, exit_message="the run exploded", called=called)


def counts(process, name):
    row = process.outputs["statistics"]["runs"][name]
    return row["accurate"], row["candidate"], row["failed"]


def test_every_structure_runs_at_every_temperature_with_its_own_seed(process):
    names = process.ctx.pending
    assert names == ["cell_T300", "cell_T900"]
    parameters = [process.prepare(name).md.parameters.get_dict() for name in names]
    assert [values["temperature_K"] for values in parameters] == [300, 900]
    assert len({values["seed"] for values in parameters}) == 2
    assert run_name("a", 312.5) == "a_T312p5"


def test_candidates_come_with_the_counts_behind_them(process):
    process.ctx.child_cell_T300 = explored([0.01] * N_FRAMES)
    process.ctx.child_cell_T900 = explored([0.01, 0.2, 0.2, 0.2, 0.2, 0.5])
    assert process.select() is None
    assert counts(process, "cell_T300") == (6, 0, 0)
    assert counts(process, "cell_T900") == (1, 4, 1)
    assert len(process.outputs["candidates"]) == 2
    assert all(name.startswith("cell_T900_f") for name in process.outputs["candidates"])


def test_a_run_that_left_nothing_counts_as_failed_at_its_temperature(process, caplog):
    process.ctx.child_cell_T300 = explored([0.01] * N_FRAMES)
    process.ctx.child_cell_T900 = ended(LammpsMdWorkChain, exit_status=PHYSICS, exit_message="atoms were lost")
    assert process.select() is None
    assert counts(process, "cell_T900") == (0, 0, N_FRAMES)
    assert process.outputs["statistics"]["runs"]["cell_T900"]["temperature_K"] == 900
    assert "cell_T900: 6 frames that it never reached count as failed (atoms were lost)" in caplog.text


def test_a_run_that_exploded_failed_in_the_frames_it_never_reached(process):
    process.ctx.child_cell_T300 = explored([0.01] * N_FRAMES)
    process.ctx.child_cell_T900 = explored([0.01, 0.01], exit_status=PHYSICS)
    assert process.select() is None
    assert counts(process, "cell_T900") == (2, 0, N_FRAMES - 2)


@pytest.mark.parametrize(
    ("label", "word"),
    [("ERROR_ATOMS_LOST", "atoms lost"), ("ERROR_BAD_START", "bad start"), ("ERROR_OUT_OF_MEMORY", "out of memory")],
)
def test_what_ended_a_run_before_its_time_is_named_and_counted(process, fast_localhost, label, word):
    status = LammpsMdCalculation.exit_codes[label].status
    job = orm.CalcJobNode(computer=fast_localhost, process_type=LammpsMdCalculation.build_process_type())
    job.set_options({"resources": {"num_machines": 1}})
    job.set_process_state(ProcessState.FINISHED)
    job.set_exit_status(status)
    process.ctx.child_cell_T300 = explored([0.01] * N_FRAMES)
    process.ctx.child_cell_T900 = explored([0.01, 0.01], exit_status=PHYSICS, called=[job])
    job.store()
    assert process.select() is None
    statistics = process.outputs["statistics"].get_dict()
    assert statistics["failures"] == {word: 1}
    assert statistics["runs"]["cell_T900"]["diagnosis"] == word
    assert "diagnosis" not in statistics["runs"]["cell_T300"]


def test_a_run_stopped_by_its_wall_time_counts_what_it_saw(process):
    process.ctx.child_cell_T300 = explored([0.01] * N_FRAMES)
    process.ctx.child_cell_T900 = explored([0.01, 0.01], exit_status=WALL_TIME)
    assert process.select() is None
    assert counts(process, "cell_T900") == (2, 0, 0)


def test_explorations_that_all_failed_are_an_error(process):
    for name in process.ctx.runs:
        process.ctx[f"child_{name}"] = ended(LammpsMdWorkChain, exit_status=PHYSICS, exit_message="atoms were lost")
    process.ctx.failed = list(process.ctx.runs)
    code = process.select()
    assert code.status == ExploreWorkChain.exit_codes.ERROR_NO_EXPLORATION.status
    assert "cell_T300, cell_T900" in code.message
    assert "atoms were lost" in code.message


STAGES = [
    {"turns": 2, "temperatures_K": [200]},
    {"supercell": [1, 2, 1], "temperatures_K": [500], "pressures_bar": [0, 5000], "production_ps": 0.04},
]


@pytest.mark.parametrize(("turn", "names"), [(1, ["cell_T200"]), (3, ["cell_1x2x1_T500_P0", "cell_1x2x1_T500_P5000"])])
def test_a_turn_runs_its_stage_of_the_schedule(process_of, lmp_code, potentials, sound_structure, turn, names):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides={**OVERRIDES, "schedule": STAGES}
    )
    builder.turn = turn
    process = process_of(builder)
    process.setup()
    assert process.prepare_cells() is None
    assert process.ctx.pending == names
    inputs = process.prepare(names[-1]).md
    parameters = inputs.parameters.get_dict()
    if turn == 1:
        assert inputs.structure.uuid == process.inputs.structures["cell"].uuid
        assert "pressure_bar" not in parameters
    else:
        assert len(inputs.structure.sites) == 2 * len(sound_structure.sites)
        assert (parameters["temperature_K"], parameters["pressure_bar"], parameters["production_ps"]) == (
            500,
            5000,
            0.04,
        )


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"structures": ["other"]}, "schedule: stage 1: there is no structure 'other'"),
        ({"temperatures_K": "hot"}, "schedule: stage 1: temperatures_K must be a list"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(process_of, lmp_code, potentials, sound_structure, stage, message):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides={**OVERRIDES, "schedule": [stage]}
    )
    with pytest.raises(ValueError, match=message):
        process_of(builder)


def potential_of(path):
    facts = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3", "level_of_theory": "test"}
    with path.open("rb") as handle:
        return DeepPotentialData(handle, filename="model.pb", **facts)


def with_selection(lmp_code, potentials, structure, **selection):
    overrides = {**OVERRIDES, "selection": {**OVERRIDES["selection"], **selection}}
    return ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": structure}, potentials, protocol="fast", overrides=overrides
    )


def test_the_levels_of_a_structure_hold_for_its_runs(process_of, lmp_code, potentials, sound_structure):
    own = [{"system": "cell", "trust_lower_eV_A": 0.25, "trust_upper_eV_A": 0.6}]
    process = process_of(with_selection(lmp_code, potentials, sound_structure, levels=own, rule="dpgen2"))
    process.setup()
    for name in process.ctx.runs:
        process.ctx[f"child_{name}"] = explored([0.01, 0.2, 0.3, 0.7])
    assert process.select() is None
    assert counts(process, "cell_T300") == (2, 1, 1)
    assert process.outputs["statistics"]["decision"]["rule"] == "dpgen2"


def test_levels_of_a_structure_that_is_not_explored_are_refused(process_of, lmp_code, potentials, sound_structure):
    own = [{"system": "cel", "trust_lower_eV_A": 0.25, "trust_upper_eV_A": 0.6}]
    with pytest.raises(ValueError, match="no structure 'cel': did you mean 'cell'"):
        process_of(with_selection(lmp_code, potentials, sound_structure, levels=own))


def test_a_wrong_key_of_the_selection_is_named(lmp_code, potentials, sound_structure):
    with pytest.raises(ValueError, match=r"selection\.choise': did you mean 'choice'"):
        with_selection(lmp_code, potentials, sound_structure, choise="random")


@pytest.mark.slow
@pytest.mark.lammps
def test_a_stage_at_constant_pressure_explores_larger_cells_for_real(lmp_code, tiny_models, sound_structure):
    models = {f"model_{index}": potential_of(path) for index, path in enumerate(tiny_models)}
    stages = [
        {"temperatures_K": [50]},
        {"supercell": [1, 2, 2], "temperatures_K": [300], "pressures_bar": [1.0], "production_ps": 0.2},
    ]
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, models, protocol="fast", overrides={**OVERRIDES, "schedule": stages}
    )
    builder.turn = 2
    builder.selection = {"trust_lower_eV_A": 1e-4, "trust_upper_eV_A": 10.0, "max_selected": 3}
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert list(outputs["statistics"]["runs"]) == ["cell_1x2x2_T300_P1"]
    candidates = outputs["candidates"].values()
    assert {len(structure.sites) for structure in candidates} == {64}
    volumes = {round(structure.get_cell_volume(), 3) for structure in candidates}
    assert len(volumes) == 3  # each frame with its own cell
    (run,) = (call for call in node.called if call.process_label == "LammpsMdWorkChain")
    assert run.outputs.thermo.get_array("pressure_bar")[0] > 1.0  # it is compressed, and expands
    assert all(1.0 <= volume / (4 * sound_structure.get_cell_volume()) < 1.6 for volume in volumes)
    supercell = next(call for call in node.called if call.process_label == "make_supercell")
    assert supercell.inputs.structure.uuid == sound_structure.uuid


def test_the_diffusivity_of_whole_runs_at_one_temperature_is_observed(
    process_of, lmp_code, potentials, sound_structure
):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides=OVERRIDES
    )
    builder.observable_temperature_K = 900.0
    process = process_of(builder)
    process.setup()
    process.ctx.child_cell_T300 = explored([0.1] * 8)
    process.ctx.child_cell_T900 = ended(LammpsMdWorkChain, {"trajectory": walk(900.0)})
    assert process.is_observed()
    assert process.observe() is None
    found = process.outputs["observable"].get_dict()
    assert found["runs"] == ["cell_T900"]
    assert found["temperature_K"] == 900.0
    assert found["diffusivity_m2_s"] == pytest.approx(0.5e-8, rel=0.3)
    assert 0 < found["diffusivity_stderr_m2_s"] < 0.3 * found["diffusivity_m2_s"]


def test_a_run_that_ended_early_gives_no_diffusivity(process_of, lmp_code, potentials, sound_structure, caplog):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides=OVERRIDES
    )
    builder.observable_temperature_K = 900.0
    process = process_of(builder)
    process.setup()
    process.ctx.child_cell_T900 = explored([0.1] * 8, exit_status=PHYSICS)
    assert process.observe() is None
    assert "observable" not in process.outputs
    assert "no diffusivity at 900 K: cell_T900 ended early" in caplog.text


def test_a_run_is_used_again_unless_its_frames_stay_away_and_are_needed_at_home(
    process_of, lmp_code, potentials, sound_structure, aiida_localhost
):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast", overrides=OVERRIDES
    )
    builder.observable_temperature_K = 900.0
    process = process_of(builder)
    process.setup()
    at_home, broken = explored([0.1] * 8), ended(LammpsMdWorkChain, exit_status=PHYSICS)
    away = ended(LammpsMdWorkChain, {"trajectory": stashed_run(aiida_localhost)})
    for label, usable in (("cell_T300", [True, True, False]), ("cell_T900", [True, False, False])):
        assert [process.is_usable(label, child) for child in (at_home, away, broken)] == usable


def walk(temperature, n_frames=400, n_carriers=64):
    """Return independent walkers of D = 0.5 Å²/ps."""
    steps = np.random.default_rng(3).normal(scale=np.sqrt(2 * 0.5 * 0.1), size=(n_frames, n_carriers, 3))
    trajectory = Trajectory(
        "Li", 10.0 + np.cumsum(steps, axis=0), np.diag([20.0] * 3), 0.1, temperature_K=temperature,
        framework_species=("S",), framework=np.zeros((n_frames, 1, 3)), framework_displacement=np.zeros((n_frames, 3)),
    )  # fmt: skip
    return MolecularDynamicsData.from_trajectory(trajectory, level_of_theory="test")
